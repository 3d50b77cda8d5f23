package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/proc"
)

// RealOptions sets up an Apache Kafka. The zero value is one broker with a plain listener in a temporary folder.
type RealOptions struct {
	// Brokers is 1 (the default) or 3; each is a controller too.
	Brokers int
	// DataDir keeps the cluster over restarts, with its ports, users and CA. Empty: a temporary folder, removed by Stop.
	DataDir string
	// TLS adds a listener with TLS, one that demands a client certificate, and two that no client should trust: one whose
	// certificate has expired, one whose certificate is for another host.
	TLS bool
	// SASL adds a listener with PLAIN and SCRAM and one with SCRAM alone, and with TLS also one over TLS.
	SASL bool
	// ACLs has the brokers allow only what ACLs grant, but to super users: whoever comes through the plain listener, and
	// the user of Env. Others are made by CreateUser; with SASL there is a stranger already, who may do nothing.
	ACLs bool
	// Detours adds so many plain listeners to each broker whose clients are told other ports than those that it listens
	// on: something there has to pass them on, such as a proxy that can be cut. See Detour.
	Detours int
	// Host is the IP address of this machine on which brokers listen and which clients are told, for clients elsewhere,
	// such as the pods of a cluster. Certificates hold for it too. Default: 127.0.0.1. Anybody who reaches it gets in.
	Host string
	// HeapMB is the heap of each broker, 256 by default.
	HeapMB int
	// Java is more options for each broker's Java, after our own (which favour a quick start over throughput).
	Java []string
	// Detached brokers outlive this process; see Attach.
	Detached bool
}

// Real is an Apache Kafka cluster of child processes. Its methods are not for concurrent use.
type Real struct {
	options   RealOptions
	dir       string
	temporary bool
	jars      string
	layout    layout
	processes map[int]*proc.Process // by node id; none for those of an attached cluster
}

// StartReal starts a cluster and returns when all its brokers answer. Where Available says no, so does the error.
func StartReal(ctx context.Context, o RealOptions) (*Real, error) {
	if o.Brokers == 0 {
		o.Brokers = 1
	}
	if o.Brokers != 1 && o.Brokers != 3 {
		return nil, fmt.Errorf("brokers: %d, but a cluster here has 1 or 3", o.Brokers)
	}
	if o.Host != "" && net.ParseIP(o.Host) == nil {
		return nil, fmt.Errorf("host: %q is no IP address; name one of this machine that clients reach", o.Host)
	}
	if o.HeapMB == 0 {
		o.HeapMB = 256
	}
	if reason, ok := Available(ctx); !ok {
		return nil, errors.New(reason)
	}
	libs, err := jars(ctx)
	if err != nil {
		return nil, err
	}
	r := &Real{options: o, jars: libs, processes: map[int]*proc.Process{}}
	if err := r.prepare(ctx); err != nil {
		r.removeTemporary()
		return nil, err
	}
	if err := r.startAll(ctx); err != nil {
		logs := r.lastLines()
		return nil, errors.Join(fmt.Errorf("start Apache Kafka: %w%s", err, logs), r.Stop(context.WithoutCancel(ctx)))
	}
	return r, nil
}

// prepare makes the data folder or takes up the one that is there.
func (r *Real) prepare(ctx context.Context) (err error) {
	if r.dir = r.options.DataDir; r.dir == "" {
		r.temporary = true
		if r.dir, err = os.MkdirTemp("", "kafka-"); err != nil {
			return err
		}
	}
	if r.dir, err = filepath.Abs(r.dir); err != nil {
		return err
	}
	if r.layout, err = readLayout(r.dir); err == nil {
		if running := r.layout.running(); len(running) > 0 {
			return fmt.Errorf("a cluster runs in %s already (pids %v): stop it first", r.dir, running)
		}
		return nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	if err := certificatesIn(r.dir).write(net.ParseIP(r.options.Host)); err != nil {
		return err
	}
	if r.layout, err = newLayout(ctx, r.options); err != nil {
		return err
	}
	return r.writeLayout()
}

// newClusterID draws a cluster's id: 16 random bytes in base64 for addresses. Kafka's tools take one that begins with a dash
// for a flag, so there is none.
func newClusterID(random io.Reader) string {
	for {
		id := make([]byte, 16)
		_, _ = io.ReadFull(random, id) // crypto/rand never fails
		if s := base64.RawURLEncoding.EncodeToString(id); s[0] != '-' {
			return s
		}
	}
}

func newLayout(ctx context.Context, o RealOptions) (layout, error) {
	l := layout{ClusterID: newClusterID(rand.Reader), ACLs: o.ACLs}
	listeners := []string{plain, controller}
	if o.TLS {
		listeners = append(listeners, tlsOnly, mutualTLS, expired, alias)
	}
	if o.SASL {
		password := make([]byte, 12)
		_, _ = rand.Read(password)
		l.User, l.Password = "feedback", hex.EncodeToString(password)
		listeners = append(listeners, sasl, scramOnly)
		if o.TLS {
			listeners = append(listeners, saslTLS)
		}
	}
	for i := range o.Detours {
		listeners = append(listeners, detour(i))
	}
	host := cmp.Or(o.Host, "127.0.0.1")
	free, err := ports.FreeOn(ctx, host, o.Brokers*(len(listeners)+o.Detours))
	if err != nil {
		return layout{}, err
	}
	for i := range o.Brokers {
		n := node{ID: i + 1, Host: host, Ports: map[string]int{}, Advertised: map[string]int{}}
		for j, name := range listeners {
			n.Ports[name] = free[i*len(listeners)+j]
		}
		for j := range o.Detours {
			n.Advertised[detour(j)] = free[o.Brokers*len(listeners)+i*o.Detours+j]
		}
		l.Nodes = append(l.Nodes, n)
	}
	return l, nil
}

func (r *Real) startAll(ctx context.Context) error {
	g, formatting := errgroup.WithContext(ctx)
	for _, n := range r.layout.Nodes {
		g.Go(func() error { return r.format(formatting, n) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, n := range r.layout.Nodes {
		if err := r.startNode(n.ID); err != nil {
			return err
		}
	}
	if err := r.waitReady(ctx); err != nil {
		return err
	}
	return r.createUser(ctx)
}

// Bootstrap is the addresses of the plain listeners.
func (r *Real) Bootstrap() []string { return r.layout.addresses(plain) }

// Detour is a way to one broker that somebody else has to keep open.
type Detour struct {
	// At is the address that clients are told, To the one that the broker listens on; both host:port.
	At, To string
}

// Detour is the ways to all brokers by the detour i, from 0 to RealOptions.Detours - 1, in the order of their ids.
func (r *Real) Detour(i int) []Detour {
	var ways []Detour
	for _, n := range r.layout.Nodes {
		ways = append(ways, Detour{At: n.address(n.Advertised[detour(i)]), To: n.address(n.Ports[detour(i)])})
	}
	return ways
}

// Env tells a program of this cluster, see the Env constants.
func (r *Real) Env() []string { return r.layout.env(r.dir) }

// Brokers are the ids that Kill and Restart take.
func (r *Real) Brokers() []int {
	var ids []int
	for _, n := range r.layout.Nodes {
		ids = append(ids, n.ID)
	}
	return ids
}

// Pids are the process ids of the brokers that this process has started.
func (r *Real) Pids() []int {
	var pids []int
	for _, p := range r.processes {
		pids = append(pids, p.Pid())
	}
	return pids
}

// Stop ends all brokers and removes a temporary data folder. A folder that is kept is closed properly, for at most
// half a minute.
func (r *Real) Stop(ctx context.Context) error {
	g, stopping := errgroup.WithContext(ctx)
	for _, n := range r.layout.Nodes {
		g.Go(func() error { return r.stopNode(stopping, n.ID) })
	}
	err := g.Wait()
	r.removeTemporary()
	return err
}

func (r *Real) removeTemporary() {
	if r.temporary && r.dir != "" {
		_ = os.RemoveAll(r.dir)
	}
}

func (l layout) addresses(listener string) []string {
	var all []string
	for _, n := range l.Nodes {
		if n.has(listener) {
			all = append(all, n.address(n.Ports[listener]))
		}
	}
	return all
}

func (l layout) env(dir string) []string {
	env := []string{EnvKind + "=real", fmt.Sprintf("%s=%d", EnvBrokers, len(l.Nodes))}
	for _, v := range []struct{ name, listener string }{
		{EnvBootstrap, plain}, {EnvTLSBootstrap, tlsOnly}, {EnvMTLSBootstrap, mutualTLS},
		{EnvSASLBootstrap, sasl}, {EnvSASLTLSBootstrap, saslTLS},
		{EnvSCRAMBootstrap, scramOnly}, {EnvExpiredBootstrap, expired}, {EnvAliasBootstrap, alias},
	} {
		if at := l.addresses(v.listener); len(at) > 0 {
			env = append(env, v.name+"="+strings.Join(at, ","))
		}
	}
	if len(l.addresses(tlsOnly)) > 0 {
		c := certificatesIn(dir)
		env = append(env, EnvCA+"="+c.CA, EnvClientCert+"="+c.ClientCert, EnvClientKey+"="+c.ClientKey,
			EnvOtherCA+"="+c.OtherCA, EnvExpiredCert+"="+c.ExpiredCert, EnvExpiredKey+"="+c.ExpiredKey)
	}
	if l.User != "" {
		env = append(env, EnvUser+"="+l.User, EnvPassword+"="+l.Password)
		if l.ACLs {
			env = append(env, EnvStranger+"="+stranger)
		}
	}
	return env
}

func layoutFile(dir string) string { return filepath.Join(dir, "cluster.json") }

func readLayout(dir string) (layout, error) {
	data, err := os.ReadFile(layoutFile(dir))
	if err != nil {
		return layout{}, err
	}
	var l layout
	if err := json.Unmarshal(data, &l); err != nil {
		return layout{}, fmt.Errorf("%s: %w", layoutFile(dir), err)
	}
	return l, nil
}

func (r *Real) writeLayout() error {
	data, err := json.MarshalIndent(r.layout, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(layoutFile(r.dir), data, 0o600)
}
