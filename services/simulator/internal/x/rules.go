package x

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/query"
)

// maxRules is how many rules an app may have.
const maxRules = 1000

// rule is one rule of the filtered stream.
type rule struct {
	id, value, tag string
	query          *query.Query
}

func (r *rule) object() map[string]string {
	o := map[string]string{"id": r.id, "value": r.value}
	if r.tag != "" {
		o["tag"] = r.tag
	}
	return o
}

func (n *Network) applyRule(e *entry) error {
	q, err := query.Parse(e.Value)
	if err != nil {
		return err
	}
	if id, err := strconv.ParseUint(e.ID, 10, 64); err == nil {
		n.lastID = max(n.lastID, id)
	}
	n.rules = append(n.rules, &rule{id: e.ID, value: e.Value, tag: e.Tag, query: q})
	return nil
}

func (n *Network) dropRule(id string) {
	n.rules = slices.DeleteFunc(n.rules, func(r *rule) bool { return r.id == id })
}

func (n *Network) sent() string { return n.opts.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// listRules is GET /2/tweets/search/stream/rules.
func (n *Network) listRules(rw http.ResponseWriter, r *http.Request) *problem {
	q := r.URL.Query()
	var bad invalid
	for _, name := range sortedKeys(q) {
		if !slices.Contains([]string{"ids", "max_results", "pagination_token"}, name) {
			bad.add("The query parameter ["+name+"] is not one of [ids,max_results,pagination_token]", map[string][]string{name: q[name]})
		}
	}
	if p := bad.problem(); p != nil {
		return p
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var data []map[string]string
	for _, r := range n.rules {
		if ids := list(q, "ids"); len(ids) == 0 || slices.Contains(ids, r.id) {
			data = append(data, r.object())
		}
	}
	body := map[string]any{"meta": map[string]any{"sent": n.sent(), "result_count": len(data)}}
	if len(data) > 0 {
		body["data"] = data
	}
	answer(rw, http.StatusOK, body)
	return nil
}

// changeRules is POST /2/tweets/search/stream/rules: add or delete, with dry_run.
func (n *Network) changeRules(rw http.ResponseWriter, r *http.Request) *problem {
	var body struct {
		Add []struct {
			Value string `json:"value"`
			Tag   string `json:"tag"`
		} `json:"add"`
		Delete *struct {
			IDs    []string `json:"ids"`
			Values []string `json:"values"`
		} `json:"delete"`
	}
	if p := readBody(r, &body); p != nil {
		return p
	}
	var bad invalid
	if (len(body.Add) > 0) == (body.Delete != nil) {
		bad.add("Exactly one of [add,delete] must be given", nil)
		return bad.problem()
	}
	dry := r.URL.Query().Get("dry_run") == "true"
	n.mu.Lock()
	defer n.mu.Unlock()
	if body.Delete != nil {
		return n.deleteRules(rw, body.Delete.IDs, body.Delete.Values, dry)
	}
	var added []map[string]string
	var errs []map[string]any
	var invalidRules int
	var failed *problem
	for _, a := range body.Add {
		rule, e, p := n.addRule(a.Value, a.Tag, dry)
		switch {
		case p != nil:
			failed = p
		case e != nil:
			errs = append(errs, e)
			if e["title"] != "DuplicateRule" {
				invalidRules++
			}
		default:
			added = append(added, rule)
		}
	}
	if failed != nil {
		return failed
	}
	out := map[string]any{"meta": map[string]any{"sent": n.sent(), "summary": map[string]int{"created": len(added), "not_created": len(body.Add) - len(added),
		"valid": len(body.Add) - invalidRules, "invalid": invalidRules}}}
	if len(added) > 0 {
		out["data"] = added
	}
	if len(errs) > 0 {
		out["errors"] = errs
	}
	status := http.StatusCreated
	if invalidRules == len(body.Add) {
		status = http.StatusBadRequest
		out["title"], out["detail"], out["type"] = "Invalid Request", "One or more parameters to your request was invalid.", problems+"invalid-request"
	}
	answer(rw, status, out)
	return nil
}

// addRule makes one rule, or says in X's words why not; n.mu is held.
func (n *Network) addRule(value, tag string, dry bool) (map[string]string, map[string]any, *problem) {
	if i := slices.IndexFunc(n.rules, func(r *rule) bool { return r.value == value }); i >= 0 {
		return nil, map[string]any{"value": value, "id": n.rules[i].id, "title": "DuplicateRule", "type": problems + "duplicate-rules"}, nil
	}
	if _, err := query.Parse(value); err != nil {
		return nil, map[string]any{"value": value, "details": []string{err.Error()}, "title": "UnprocessableEntity", "type": problems + "invalid-rules"}, nil
	}
	if len(n.rules) >= maxRules {
		return nil, map[string]any{"value": value, "title": "RulesCapExceeded", "type": problems + "rule-cap"}, nil
	}
	id, _ := n.nextID()
	e := &entry{Op: "rule", ID: id, Value: value, Tag: tag, At: n.opts.Now().UTC().Truncate(time.Millisecond)}
	if !dry {
		if err := n.commit(e); err != nil {
			return nil, nil, plain(http.StatusInternalServerError, "Internal Server Error")
		}
	}
	return (&rule{id: id, value: value, tag: tag}).object(), nil, nil
}

// deleteRules removes rules by id or by value; n.mu is held.
func (n *Network) deleteRules(rw http.ResponseWriter, ids, values []string, dry bool) *problem {
	var errs invalid
	var deleted int
	remove := func(wanted string, is func(*rule) bool) *problem {
		i := slices.IndexFunc(n.rules, is)
		if i < 0 {
			errs.add("Rule does not exist", map[string][]string{"ids": {wanted}})
			return nil
		}
		deleted++
		if !dry {
			if err := n.commit(&entry{Op: "unrule", ID: n.rules[i].id}); err != nil {
				return plain(http.StatusInternalServerError, "Internal Server Error")
			}
		}
		return nil
	}
	for _, id := range ids {
		if p := remove(id, func(r *rule) bool { return r.id == id }); p != nil {
			return p
		}
	}
	for _, v := range values {
		if p := remove(v, func(r *rule) bool { return r.value == v }); p != nil {
			return p
		}
	}
	body := map[string]any{"meta": map[string]any{"sent": n.sent(), "summary": map[string]int{"deleted": deleted, "not_deleted": len(errs)}}}
	if len(errs) > 0 {
		body["errors"] = []map[string]any{{"errors": errs, "title": "Invalid Request", "detail": "One or more parameters to your request was invalid.", "type": problems + "invalid-request"}}
	}
	answer(rw, http.StatusOK, body)
	return nil
}
