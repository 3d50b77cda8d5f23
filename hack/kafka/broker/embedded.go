package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
)

// EmbeddedOptions sets up an embedded broker. The zero value keeps its records in memory on any free port.
type EmbeddedOptions struct {
	// DataDir keeps topics, records and offsets over restarts; one broker at a time may have it. Empty: in memory.
	DataDir string
	// Port of 127.0.0.1. 0: any free one.
	Port int
	// Listen is where it listens, such as :9092 for all interfaces, in place of Port of 127.0.0.1; it needs Advertise.
	Listen string
	// Advertise is the host:port by which clients reach it and which it tells them, such as kafka.dev.svc:9092.
	// Default: 127.0.0.1 and the port.
	Advertise string
	// Full is told when the broker takes no records any more because the disk under DataDir is full, by an error that
	// names the folder and the remedy, and with nil when it takes them again. It must not block. Default: nobody is told.
	Full func(error)
	// Log gets what the broker warns of. Default: nowhere.
	Log *slog.Logger
}

// Embedded is a broker in this process.
type Embedded struct {
	cluster *kfake.Cluster
	port    int
	address string   // that clients are told
	lock    *os.File // nil without a data folder
	once    sync.Once
}

// StartEmbedded starts an embedded broker that takes connections when it returns. Clients must create their topics.
// While the disk under the data folder is full it takes no records, and none that it took is lost; on a full disk it
// does not start.
func StartEmbedded(ctx context.Context, o EmbeddedOptions) (*Embedded, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	lock, err := lockDir(o.DataDir)
	if err != nil {
		return nil, err
	}
	e := &Embedded{port: o.Port, address: o.Advertise, lock: lock}
	d := &disk{dir: o.DataDir, free: freeOn, tell: func(err error) {
		if o.Full != nil {
			o.Full(err)
		}
	}}
	if o.DataDir != "" {
		if err := d.room(); err != nil {
			e.unlock()
			return nil, err
		}
	}
	if e.port == 0 && o.Listen == "" {
		free, err := ports.Free(ctx, 1)
		if err != nil {
			e.unlock()
			return nil, err
		}
		e.port = free[0]
	}
	if e.address == "" {
		e.address = ports.Address(e.port)
	}
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(e.port), kfake.ClusterID("embedded"), kfake.ListenFn(e.listenFn(ctx, o))}
	if o.DataDir != "" {
		options = append(options, kfake.DataDir(o.DataDir))
	}
	if o.Log != nil {
		options = append(options, kfake.WithLogger(warnings{o.Log}))
	}
	if e.cluster, err = kfake.NewCluster(options...); err != nil {
		e.unlock()
		return nil, fmt.Errorf("start the embedded broker on %s: %w", cmp.Or(o.Listen, ports.Address(e.port)), err)
	}
	if o.DataDir != "" {
		d.guard(e.cluster)
	}
	return e, nil
}

// Bootstrap is the broker's one address, the advertised one.
func (e *Embedded) Bootstrap() []string { return []string{e.address} }

// Port is the port of 127.0.0.1 that it listens on; 0 with EmbeddedOptions.Listen.
func (e *Embedded) Port() int { return e.port }

// Env tells a program of this broker, see the Env constants.
func (e *Embedded) Env() []string {
	return []string{EnvKind + "=embedded", EnvBrokers + "=1", EnvBootstrap + "=" + strings.Join(e.Bootstrap(), ",")}
}

// Stop writes everything to the data folder and closes the broker. A second call does nothing.
func (e *Embedded) Stop() {
	e.once.Do(func() {
		e.cluster.Close()
		e.unlock()
	})
}

func (e *Embedded) unlock() {
	if e.lock != nil {
		_ = e.lock.Close() // which releases the lock
	}
}

// lockDir makes the folder and keeps others from using it while the returned file is open.
func lockDir(dir string) (*os.File, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the broker's data folder: %w", err)
	}
	path := strings.TrimSuffix(filepath.Clean(dir), string(filepath.Separator)) + ".lock"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the broker's data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(path)
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data folder %s is in use by another broker (pid %s): stop it or name another folder",
				dir, strings.TrimSpace(string(owner)))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	_ = f.Truncate(0) // who has it is told to the one who is refused; that it is locked doesn't depend on it
	_, _ = f.WriteString(strconv.Itoa(os.Getpid()))
	return f, nil
}
