package manager_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// tally counts requests to the API server by the right that each needs, such as "apps/deployments patch".
type tally struct {
	mu        sync.Mutex
	asked     map[string]int
	implied   map[string]bool // rights that the server asks for beside that of the request itself
	forbidden []string
	patches   []string // each since the last take, with the path of what it changes
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// wrap has t count what goes through next.
func (t *tally) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		right := asked(req)
		if right == "" {
			return next.RoundTrip(req)
		}
		t.note(right) // before others may see what it does
		t.keep(req)
		resp, err := next.RoundTrip(req)
		if err != nil {
			return resp, err
		}
		t.imply(right, resp.StatusCode)
		if resp.StatusCode == http.StatusForbidden {
			t.refuse(req.Method + " " + req.URL.String())
		}
		return resp, nil
	})
}

// finalize is what OwnerReferencesPermissionEnforcement asks of who makes an object that holds its owner.
const finalize = "feedbackpipeline.dev/feedbackpipelines/finalizers update"

func (t *tally) note(right string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked == nil {
		t.asked = map[string]int{}
	}
	t.asked[right]++
}

// keep remembers what a patch of an object says, so that a test can tell it.
func (t *tally) keep(req *http.Request) {
	if req.Method != http.MethodPatch || req.GetBody == nil {
		return
	}
	body, err := req.GetBody()
	if err != nil {
		return
	}
	defer func() { _ = body.Close() }()
	text, _ := io.ReadAll(body)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.patches = append(t.patches, req.URL.Path+": "+string(text))
}

func (t *tally) imply(right string, code int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.implied == nil {
		t.implied = map[string]bool{}
	}
	resource, verb, _ := strings.Cut(right, " ")
	switch {
	case verb == "watch": // a server that does not stream lists is asked for one first
		t.implied[resource+" list"] = true
	case verb == "patch" && code == http.StatusCreated:
		t.implied[resource+" create"], t.implied[finalize] = true, true
	}
}

func (t *tally) refuse(request string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forbidden = append(t.forbidden, request)
}

// take returns the requests since the last take.
func (t *tally) take() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.asked
	t.asked, t.patches = nil, nil
	return all
}

// writes counts the requests since the last take that write something; renewing the Lease is none.
func (t *tally) writes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for right, count := range t.asked {
		resource, verb, _ := strings.Cut(right, " ")
		if verb != "get" && verb != "list" && verb != "watch" && resource != leases {
			n += count
		}
	}
	return n
}

const leases = "coordination.k8s.io/leases"

// written are the patches since the last take, with the path of what each changes.
func (t *tally) written() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.patches)
}

// rights are all that were needed so far.
func (t *tally) rights() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[string]bool{}
	maps.Copy(all, t.implied)
	for right := range t.asked {
		all[right] = true
	}
	return all
}

// refused are the requests that were forbidden.
func (t *tally) refused() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.forbidden)
}

// asked is the right that a request needs, as "group/resource verb"; empty for discovery. A resource's path is
// /apis/<group>/<version>/namespaces/<namespace>/<resource>/<name>/<subresource>.
func asked(req *http.Request) string {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	group := ""
	switch {
	case len(parts) > 3 && parts[0] == "apis":
		group, parts = parts[1], parts[3:]
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	default:
		return ""
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	resource, named := parts[0], len(parts) > 1
	if len(parts) > 2 {
		resource += "/" + parts[2]
	}
	return group + "/" + resource + " " + verb(req, named)
}

func verb(req *http.Request, named bool) string {
	switch {
	case req.Method == http.MethodGet && req.URL.Query().Get("watch") != "":
		return "watch"
	case req.Method == http.MethodGet && named:
		return "get"
	}
	return map[string]string{
		http.MethodGet: "list", http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[req.Method]
}
