package route

import "sync"

// maxBuried is how many dead letters the routes of a process remember together.
const maxBuried = 10_000

// Buried lets the routes of a process write one dead letter of a record that none of them
// can read, instead of one each. The route that comes first writes it before its own group
// commits the record's offset; so whatever dies, one dead letter is written, and by routes
// of several processes or after a restart perhaps more. It is safe for concurrent use.
type Buried struct {
	mu    sync.Mutex
	by    map[position]string
	order []position
}

// claim tells whether the route is the one that writes the dead letter: the first that asks,
// and that again, since it may have lost its partitions before it wrote.
func (b *Buried) claim(p position, route string) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if owner, ok := b.by[p]; ok {
		return owner == route
	}
	if b.by == nil {
		b.by = map[position]string{}
	}
	b.by[p] = route
	if b.order = append(b.order, p); len(b.order) > maxBuried {
		delete(b.by, b.order[0])
		b.order = b.order[1:]
	}
	return true
}
