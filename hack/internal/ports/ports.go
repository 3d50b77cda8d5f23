// Package ports finds ports of this machine that nothing listens on.
package ports

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// What is given lies below the ports that systems take for connections of their own (from 32768 on with Linux, from 49152
// elsewhere): one of those may be taken by anybody's connection before the program that shall listen there has started, and
// be held for as long as that connection lives.
const first, last = 10_000, 32_767

// Free returns n different TCP ports of 127.0.0.1 that were free a moment ago. Nothing reserves them, so a
// program that takes one should be started soon.
func Free(ctx context.Context, n int) ([]int, error) { return FreeOn(ctx, loopback, n) }

// FreeOn is Free of another address of this machine.
func FreeOn(ctx context.Context, host string, n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := oneOf(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }() // all are held until all are found, or one could be given twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// oneOf listens on a port that is free.
func oneOf(ctx context.Context, host string) (l net.Listener, err error) {
	for range 100 {
		if l, err = listen(ctx, host, first+rand.IntN(last-first+1)); err == nil || ctx.Err() != nil {
			return l, err
		}
	}
	return nil, err
}

// Prefer returns the port want if it is free and another free one if not, or if want is 0.
func Prefer(ctx context.Context, want int) (int, error) {
	if want != 0 {
		if l, err := listen(ctx, loopback, want); err == nil {
			return want, l.Close()
		}
	}
	free, err := Free(ctx, 1)
	if err != nil {
		return 0, err
	}
	return free[0], nil
}

// Address is 127.0.0.1 with the port.
func Address(port int) string { return AddressOn(loopback, port) }

// AddressOn is host with the port.
func AddressOn(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

const loopback = "127.0.0.1"

func listen(ctx context.Context, host string, port int) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", AddressOn(host, port))
}
