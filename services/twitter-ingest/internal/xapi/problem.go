package xapi

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Kind is what sort of trouble a Problem is.
type Kind int

const (
	// Transient passes by itself: no connection, 5xx, an answer that was cut off.
	Transient Kind = iota
	// RateLimited is a 429: too many requests, or too many connections.
	RateLimited
	// UsageCapped is a 429 because the account's cap or credits are used up.
	UsageCapped
	// Refused is a 401: the token.
	Refused
	// NotPermitted is a 402 or 403: the token is good and may not do this.
	NotPermitted
	// TooOld is a 400 about a position that lies before what X still tells; Param names it.
	TooOld
	// Invalid is any other 4xx: what was asked is wrong, most often the query.
	Invalid
)

// Problem is a request that X did not serve.
type Problem struct {
	Kind Kind
	// Reason is one CamelCase word for machines, Message a sentence with the remedy.
	Reason, Message string
	// Wait is how long X asks to wait; zero if it does not say.
	Wait time.Duration
	// Param is the parameter that a 400 is about, if X says: since_id, until_id, start_time.
	Param string
	// Billed tells that the request may have been served, and billed, all the same.
	Billed bool
	// Status is the HTTP status; 0 without an answer.
	Status int
	// Err is the cause where there was no answer.
	Err error
}

// Error is the reason and the message.
func (p *Problem) Error() string { return p.Reason + ": " + p.Message }

// Unwrap gives the cause where there was no answer.
func (p *Problem) Unwrap() error { return p.Err }

// unreachable is a request without an answer. What was never sent is never billed.
func unreachable(endpoint string, err error) *Problem {
	return &Problem{Kind: Transient, Reason: "Unreachable", Billed: !neverSent(err), Err: err,
		Message: fmt.Sprintf("X gave no answer to %s: %v; it is asked again", endpoint, err)}
}

// malformed is an answer that cannot be read as a whole.
func malformed(endpoint string, err error) *Problem {
	return &Problem{Kind: Transient, Reason: "AnswerMalformed", Billed: true, Status: http.StatusOK, Err: err,
		Message: fmt.Sprintf("X's answer to %s cannot be read: %v; it is asked again", endpoint, err)}
}

func neverSent(err error) bool {
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	return (errors.As(err, &op) && op.Op == "dial") || errors.As(err, &cert)
}

// details is the body of an error.
type details struct {
	Title           string `json:"title"`
	Detail          string `json:"detail"`
	Type            string `json:"type"`
	ConnectionIssue string `json:"connection_issue"`
	Errors          []struct {
		Message    string                     `json:"message"`
		Title      string                     `json:"title"`
		Detail     string                     `json:"detail"`
		Parameters map[string]json.RawMessage `json:"parameters"`
	} `json:"errors"`
}

// say is what X itself says about an error, on one short line.
func (d details) say() string {
	parts := []string{d.Title, d.Detail}
	for _, e := range d.Errors {
		parts = append(parts, e.Title, e.Message, e.Detail)
	}
	var out []string
	for _, p := range parts {
		if p = strings.Join(strings.Fields(p), " "); p != "" && (len(out) == 0 || out[len(out)-1] != p) {
			out = append(out, p)
		}
	}
	s := strings.Join(out, ": ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}

// explain makes a Problem of an answer that is none.
func explain(endpoint string, a *answer) *Problem {
	var d details
	_ = json.Unmarshal(a.body, &d) // an error page in HTML leaves the status to speak
	p := &Problem{Status: a.status}
	said := d.say()
	if said == "" {
		said = http.StatusText(a.status)
	}
	set := func(k Kind, reason, remedy string) *Problem {
		p.Kind, p.Reason = k, reason
		p.Message = fmt.Sprintf("X answered %d to %s (%s): %s", a.status, endpoint, said, remedy)
		return p
	}
	wait, known := reset(a.header, a.at())
	switch {
	case a.status == http.StatusTooManyRequests && capped(d):
		p.Wait = wait
		return set(UsageCapped, "UsageCapExceeded", "the account's cap of posts is used up; raise it in X's developer console or wait for the next period")
	case a.status == http.StatusTooManyRequests && d.ConnectionIssue != "":
		p.Wait = wait
		return set(RateLimited, d.ConnectionIssue, "another process holds this app's stream; give each pipeline its own app or use mode Search")
	case a.status == http.StatusTooManyRequests:
		if known {
			p.Wait = wait
		}
		return set(RateLimited, "RateLimited", "reading goes on when X's window ends")
	case a.status == http.StatusUnauthorized:
		return set(Refused, "TokenRefused", "put a valid bearer token of the app into the Secret (key bearer-token)")
	case a.status == http.StatusPaymentRequired:
		return set(NotPermitted, "PaymentRequired", "the account has no credits left; add some in X's developer console")
	case a.status == http.StatusForbidden:
		return set(NotPermitted, "NotPermitted", "the app may not use this endpoint; check its project and plan in X's developer console")
	case a.status == http.StatusBadRequest && tooOld(d, p):
		return set(TooOld, "PositionTooOld", "reading goes on from the oldest post that X still tells of")
	case a.status >= 400 && a.status < 500 && a.status != http.StatusRequestTimeout:
		return set(Invalid, "QueryRefused", "correct the source's query")
	}
	p.Billed = a.status == http.StatusGatewayTimeout
	return set(Transient, "Unavailable", "it is asked again")
}

func capped(d details) bool {
	return d.Title == "UsageCapExceeded" || strings.HasSuffix(d.Type, "/usage-capped") || d.Title == "CreditsDepleted"
}

// tooOld tells whether a 400 is about a position before what X still tells, and notes the
// parameter.
func tooOld(d details, p *Problem) bool {
	for _, e := range d.Errors {
		for _, name := range []string{"since_id", "until_id", "start_time"} {
			_, named := e.Parameters[name]
			if !named && !strings.Contains(e.Message, "'"+name+"'") {
				continue
			}
			m := strings.ToLower(e.Message)
			if strings.Contains(m, "created after") || strings.Contains(m, "larger than") || strings.Contains(m, "on or after") || strings.Contains(m, "too old") {
				p.Param = name
				return true
			}
		}
	}
	return false
}
