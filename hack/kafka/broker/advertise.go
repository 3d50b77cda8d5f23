package broker

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// validate names what is wrong, and the remedy.
func (o EmbeddedOptions) validate() error {
	if o.Listen == "" && o.Advertise == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		return fmt.Errorf("listen address %q: write host:port, or :port for all interfaces: %w", o.Listen, err)
	}
	host, port, err := net.SplitHostPort(o.Advertise)
	if err != nil {
		return fmt.Errorf("advertised address %q: write the host:port by which clients reach the broker: %w", o.Advertise, err)
	}
	if n, err := strconv.Atoi(port); host == "" || err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("advertised address %q: clients need a host, and a port from 1 to 65535", o.Advertise)
	}
	return nil
}

// listenFn opens the listener of the cluster, which tells clients whatever address its listener says that it has.
func (e *Embedded) listenFn(ctx context.Context, o EmbeddedOptions) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		if o.Listen != "" {
			address = o.Listen
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
		if err != nil || o.Advertise == "" {
			return l, err
		}
		return advertised{Listener: l, address: o.Advertise}, nil
	}
}

// advertised is a listener that says that it has another address.
type advertised struct {
	net.Listener
	address string
}

// Addr is the advertised address.
func (a advertised) Addr() net.Addr { return hostPort(a.address) }

// hostPort is a TCP address whose host need not be an IP address.
type hostPort string

// Network is tcp.
func (hostPort) Network() string { return "tcp" }

// String is host:port.
func (h hostPort) String() string { return string(h) }
