//go:build failpoint

package failpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Built tells whether the points do anything.
const Built = true

// The environment that arms points, and the folder that keeps what has fired.
const (
	env    = "FAILPOINT"
	envDir = "FAILPOINT_DIR"
)

// point is one that is armed.
type point struct {
	name   Name
	action string
	pass   int64 // at which it fires, from 1
	passed atomic.Int64
}

var armed = sync.OnceValue(func() []*point {
	all, err := parse(os.Getenv(env))
	if err == nil && len(all) > 0 && os.Getenv(envDir) == "" {
		err = errors.New(envDir + " is not set: name the folder for what has fired")
	}
	if err != nil {
		panic(env + ": " + err.Error())
	}
	return all
})

// parse reads name=action[@n], separated by commas.
func parse(text string) ([]*point, error) {
	var all []*point
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		name, action, _ := strings.Cut(part, "=")
		action, at, counted := strings.Cut(action, "@")
		p := &point{name: Name(name), action: action, pass: 1}
		if counted {
			n, err := strconv.ParseInt(at, 10, 64)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%q: after @ stands the pass at which it fires, from 1", part)
			}
			p.pass = n
		}
		if action != "kill" && action != "stop" {
			return nil, fmt.Errorf("%q: say name=kill or name=stop", part)
		}
		all = append(all, p)
	}
	return all, nil
}

// Here kills or stops the process if the environment says so for this point.
func Here(name Name) {
	for _, p := range armed() {
		if p.name == name && p.passed.Add(1) == p.pass && p.leave(os.Getenv(envDir)) {
			p.act()
		}
	}
}

// After calls f, which is work that only the point's crash makes visible, and is the point
// then. It does neither where the point is not armed, or has fired.
func After(name Name, f func()) {
	for _, p := range armed() {
		if _, err := os.Stat(filepath.Join(os.Getenv(envDir), string(name))); p.name == name && err != nil {
			f()
			Here(name)
		}
	}
}

// leave notes that the point fires, and reports false where it has fired before.
func (p *point) leave(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, string(p.name)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%s %d\n", p.action, os.Getpid())
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		panic(fmt.Sprintf("%s: %v", envDir, err)) // a test that cannot tell must not pass
	}
	fmt.Fprintf(os.Stderr, "failpoint %s: %s\n", p.name, p.action)
	return true
}

// act ends the process, or stops it and returns when it was woken. A stop reaches the other
// threads a moment after the call, so that it is waited for.
func (p *point) act() {
	if p.action == "kill" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	last := time.Now()
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	for now := range tick.C {
		if now.Sub(last) > 200*time.Millisecond {
			return
		}
		last = now
	}
}
