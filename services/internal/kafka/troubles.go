package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// What is tried again and again by a subscription; read has the partition behind it.
const (
	joining    = "join"
	starting   = "start"
	committing = "commit"
	reading    = "read "
)

// troubles is what does not work of a subscription just now, by what was tried. It tells each
// error, and nil once nothing is left of them, so that nobody who was told of one is left with
// it. Its methods may be called from several goroutines.
type troubles struct {
	tell func(error)

	mu sync.Mutex
	by map[string]error
}

// set notes how something went; nil is well.
func (t *troubles) set(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if t.by == nil {
			t.by = map[string]error{}
		}
		t.by[what] = err
		t.tell(err)
		return
	}
	t.drop(func(w string) bool { return w == what })
}

// joined notes that a generation began. What cannot be committed comes again by then, and who
// else owns a partition now tells of it; of those that are ours still the next read tells.
func (t *troubles) joined(partitions []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(func(what string) bool {
		return !strings.HasPrefix(what, reading) || !slices.ContainsFunc(partitions, func(p int) bool { return what == fmt.Sprint(reading, p) })
	})
}

// drop forgets troubles and tells what is left; mu is held.
func (t *troubles) drop(over func(what string) bool) {
	had := len(t.by)
	maps.DeleteFunc(t.by, func(what string, _ error) bool { return over(what) })
	if len(t.by) == had {
		return
	}
	for _, err := range t.by {
		t.tell(err)
		return
	}
	t.tell(nil)
}
