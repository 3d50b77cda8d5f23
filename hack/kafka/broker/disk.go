package broker

import (
	"fmt"
	"log/slog"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reserve is how much of the disk the embedded broker leaves free. Offsets that are committed while it takes no records
// go there, and what it writes when it is stopped.
const reserve = 16 << 20

// disk guards the room under a data folder. What the embedded broker cannot write it would answer with an error that
// tells nobody what is wrong and that clients take for final; so it takes nothing as long as there is no room.
type disk struct {
	dir  string
	free func(dir string) (int64, error) // in bytes
	tell func(error)
	full bool // only the cluster's goroutine uses it
}

// freeOn is how many bytes this user can still write to the disk that holds dir.
func freeOn(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask for the room in %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // no disk is that large; the types differ by system
}

// room is nil if there is room to write, or says what to do. Where nobody can tell, there is.
func (d *disk) room() error {
	free, err := d.free(d.dir)
	if err != nil || free >= reserve {
		return nil //nolint:nilerr // that nobody can tell must not stop the broker
	}
	return fmt.Errorf("the disk is full: %d MB are left for the broker's data folder %s, and it takes no records with less than %d MB: "+
		"free some space there, or name a folder on another disk", free>>20, d.dir, reserve>>20)
}

// refuse is true for a request that cannot be served for want of room. It tells when that begins and when it ends.
func (d *disk) refuse(kmsg.Request) bool {
	err := d.room()
	if full := err != nil; full != d.full {
		d.full = full
		d.tell(err)
	}
	return d.full
}

// guard has the cluster refuse whatever adds data while there is no room, with the error by which a Kafka broker tells
// of a disk that fails and which clients try again after.
func (d *disk) guard(c *kfake.Cluster) {
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce, kmsg.CreateTopics, kmsg.CreatePartitions}, Err: kerr.KafkaStorageError, Count: -1, When: d.refuse})
}

// warnings hands what the cluster warns of, such as a file that it cannot write, to a log.
type warnings struct{ log *slog.Logger }

// Logf takes a line of the cluster.
func (w warnings) Logf(level kfake.LogLevel, format string, args ...any) {
	if level == kfake.LogLevelError || level == kfake.LogLevelWarn {
		w.log.Warn("embedded broker: " + fmt.Sprintf(format, args...))
	}
}
