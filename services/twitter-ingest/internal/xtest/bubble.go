package xtest

import (
	"testing"
	"testing/synctest"
	"time"
)

// Noon is when Bubble begins.
var Noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Bubble runs f in a synctest bubble whose clock begins at Noon: bubbles begin in 2000,
// when no post had an id yet.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		Pass(time.Until(Noon))
		f(t)
	})
}

// Pass lets d pass on the bubble's clock, and all that is due in it happen.
func Pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
