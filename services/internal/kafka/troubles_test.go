package kafka

import (
	"errors"
	"slices"
	"testing"
)

// TestTroubles: nobody who was told of a trouble is left with it, and none hides another.
func TestTroubles(t *testing.T) {
	refused, gone := errors.New("refused"), errors.New("gone")
	for name, c := range map[string]struct {
		do   func(t *troubles)
		want []string
	}{
		"nothing wrong":                        {func(t *troubles) { t.set(committing, nil); t.joined([]int{0}) }, nil},
		"and well again":                       {func(t *troubles) { t.set(committing, refused); t.set(committing, nil) }, []string{"refused", "well"}},
		"another is left":                      {func(t *troubles) { t.set("read 0", refused); t.set("read 1", gone); t.set("read 1", nil) }, []string{"refused", "gone", "refused"}},
		"joined again":                         {func(t *troubles) { t.set(joining, refused); t.joined(nil) }, []string{"refused", "well"}},
		"joined, and reading does not work":    {func(t *troubles) { t.set("read 0", gone); t.joined([]int{0}) }, []string{"gone"}},
		"joined, and another has what was bad": {func(t *troubles) { t.set("read 0", gone); t.joined([]int{1}) }, []string{"gone", "well"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			c.do(&troubles{tell: func(err error) {
				if err == nil {
					err = errors.New("well")
				}
				got = append(got, err.Error())
			}})
			if !slices.Equal(got, c.want) {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}
