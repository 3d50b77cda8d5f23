package socket

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pulse{}
		p.beat()
		near, far := net.Pipe()
		defer func() { _, _ = near.Close(), far.Close() }()
		conn := heard{near, p}
		<-time.After(time.Minute)
		if got, want := p.silent(), time.Minute; got != want {
			t.Errorf("silent for %s, want %s", got, want)
		}
		go func() { _, _ = far.Write([]byte("ping")) }()
		if n, err := conn.Read(make([]byte, 10)); n != 4 || err != nil {
			t.Fatalf("Read = %d, %v, want 4, nil", n, err)
		}
		if got := p.silent(); got != 0 {
			t.Errorf("silent for %s after something came, want 0", got)
		}
	})
}
