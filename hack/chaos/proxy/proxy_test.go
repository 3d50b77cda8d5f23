package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that answers each line with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return l.Addr().String()
}

func link(t *testing.T) *Link {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// client is a connection through a link.
type client struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, l *Link) client {
	t.Helper()
	c, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return client{t, c, bufio.NewReader(c)}
}

func (c client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// hear returns the next line, or the error after limit.
func (c client) hear(limit time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(limit))
	return c.lines.ReadString('\n')
}

func TestOpenLinkPasses(t *testing.T) {
	c := dial(t, link(t))
	for _, text := range []string{"one", "two"} {
		c.send(text)
		if got, err := c.hear(10 * time.Second); got != text+"\n" {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.hear(10 * time.Second); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v, want EOF", err)
	}
}

func TestCutLinkResetsOldAndNewConnections(t *testing.T) {
	l := link(t)
	old := dial(t, l)
	old.send("one")
	if _, err := old.hear(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	l.Set(Refused, 0)
	if got, err := old.hear(10 * time.Second); err == nil {
		t.Errorf("an old connection heard %q, want its end", got)
	}
	if fresh, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", l.Address()); err == nil { // the reset may come first
		if got, err := (client{t, fresh, bufio.NewReader(fresh)}).hear(10 * time.Second); err == nil {
			t.Errorf("a new connection heard %q, want its end", got)
		}
		_ = fresh.Close()
	}
	l.Set(Open, 0)
	again := dial(t, l)
	again.send("two")
	if got, err := again.hear(10 * time.Second); got != "two\n" {
		t.Errorf("after the cut: %q, %v; want %q", got, err, "two")
	}
}

func TestSilentLinkKeepsWhatWasSent(t *testing.T) {
	l := link(t)
	old := dial(t, l)
	old.send("one")
	if _, err := old.hear(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	l.Set(Silent, 0)
	fresh := dial(t, l)
	for _, c := range []client{old, fresh} {
		c.send("two")
		if got, err := c.hear(50 * time.Millisecond); err == nil {
			t.Errorf("heard %q through a silent link", got)
		}
	}
	l.Set(Open, 0)
	for _, c := range []client{old, fresh} {
		if got, err := c.hear(10 * time.Second); got != "two\n" {
			t.Errorf("after the silence: %q, %v; want %q", got, err, "two")
		}
	}
}

func TestSlowLinkTakesItsTime(t *testing.T) {
	l := link(t)
	l.Set(Slow, 30*time.Millisecond)
	c := dial(t, l)
	begun := time.Now()
	c.send("one")
	if got, err := c.hear(10 * time.Second); got != "one\n" {
		t.Fatalf("got %q, %v; want %q", got, err, "one")
	}
	if took := time.Since(begun); took < 60*time.Millisecond {
		t.Errorf("there and back took %s, want 60ms at least", took)
	}
}
