package audit

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// TestEarlierManifest: what lies between an old threshold and the new one may be told or not; all else is judged as ever.
func TestEarlierManifest(t *testing.T) {
	between := s1
	for _, c := range []struct {
		name       string
		from, to   string // the threshold, and what it became
		score      float64
		told       bool
		wantRouted int
		wantKind   Kind // of the only finding; Note: there is none
	}{
		{"raised, told", "0.3", "0.4", 0.35, true, 1, Note},
		{"raised, not told", "0.3", "0.4", 0.35, false, 0, Note},
		{"lowered, told", "0.4", "0.3", 0.35, true, 0, Note},
		{"lowered, not told", "0.4", "0.3", 0.35, false, 0, Note},
		{"below both, told", "0.3", "0.4", 0.1, true, 1, Note},
		{"below both, not told", "0.3", "0.4", 0.1, false, 1, Lost},
		{"above both, told", "0.3", "0.4", 0.5, true, 0, Misrouted},
		{"above both, not told", "0.3", "0.4", 0.5, false, 0, Note},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(strings.Replace(manifestYAML, "scoreBelow: 0.3", "scoreBelow: "+c.to, 1))
			s.earlier = []string{strings.Replace(manifestYAML, "scoreBelow: 0.3", "scoreBelow: "+c.from, 1)}
			s.channels["negative-feedback"] = nil
			s.post(between, "feedback", "azure hurts")
			s.score(between, 0, "azure hurts", proto.Float64(c.score))
			if c.told {
				s.card("negative-feedback", "negative", between, 0)
			}
			l := s.play(t)
			checkEquations(t, l)
			if l.Routed != c.wantRouted {
				t.Errorf("routed = %d, want %d", l.Routed, c.wantRouted)
			}
			if l.OK() != (c.wantKind == Note) || !l.OK() && l.Findings[0].Kind != c.wantKind {
				t.Errorf("findings = %v, want one of kind %q, or none for a note", l.Explain(5), c.wantKind)
			}
		})
	}
}

// TestEarlierManifestThatIsNone is told apart from the manifest itself.
func TestEarlierManifestThatIsNone(t *testing.T) {
	_, err := Run(t.Context(), Options{Manifest: []byte(manifestYAML), Earlier: [][]byte{[]byte("kind: Secret")}})
	if err == nil || !strings.Contains(err.Error(), "earlier manifest 0: ") {
		t.Errorf("Run = %v, want that the earlier manifest is none", err)
	}
}
