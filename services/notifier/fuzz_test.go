package main

import (
	"testing"
)

// FuzzRoutes: whatever ROUTES says, reading it and saying what is wrong never panics, and
// what is valid has all that a route needs.
func FuzzRoutes(f *testing.F) {
	for _, s := range []string{
		oneRoute, ``, `[]`, `null`, `[null]`, `{}`, `[{}] []`, `[{"name":"a"},{"name":"a"}]`, `[{"name":"ä","match":null}]`,
		`[{"name":"a","group":"g","match":[],"slack":{"channel":"#"}}]`, `[{"name":"a","group":"g","maxAge":"-1h","slack":{"channel":"c","digestAfter":-1,"digestInterval":"1e9h"}}]`,
		`[{"name":"a","group":"g","slack":{"channel":"c","apiURL":"http://[::1"}}]`, `[{"name":"a","match":{"scoreBelow":1e999}}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r routes
		if r.UnmarshalText(b) != nil {
			return
		}
		c := config{Routes: r}
		_ = c.Validate()
		for _, route := range r {
			if route.validate("ROUTES[0]") != nil {
				continue
			}
			if o := route.config(); o.Name == "" || route.Group == "" || o.MaxAge <= 0 || o.DigestAfter <= 0 || o.Interval <= 0 {
				t.Errorf("%q is valid, but its route is %+v", b, o)
			}
		}
	})
}
