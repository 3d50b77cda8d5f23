package ports

import (
	"slices"
	"testing"
)

func TestFreePortsAreNobodysConnections(t *testing.T) {
	got, err := Free(t.Context(), 200)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 200 {
		t.Errorf("%d different ports, want 200", n)
	}
	if got[0] < first || got[len(got)-1] > last {
		t.Errorf("ports %d to %d, want all in %d to %d", got[0], got[len(got)-1], first, last)
	}
}

func TestPrefer(t *testing.T) {
	free, err := Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Prefer(t.Context(), free[0]); got != free[0] || err != nil {
		t.Errorf("Prefer(%d) = %d, %v, want it, as it is free", free[0], got, err)
	}
	l, err := listen(t.Context(), loopback, free[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if got, err := Prefer(t.Context(), free[0]); got == free[0] || err != nil {
		t.Errorf("Prefer(%d) = %d, %v, want another, as it is taken", free[0], got, err)
	}
}
