package audit

import "context"

type manifest struct{}
type world struct{}

func parseManifest([]byte) (manifest, error)                   { return manifest{}, nil }
func gather(context.Context, Options, manifest) (world, error) { return world{}, nil }
func judge(manifest, world) Ledger {
	l := Ledger{}
	l.find(Lost, "ledger", "", "not judged yet")
	l.sortFindings()
	return l
}
