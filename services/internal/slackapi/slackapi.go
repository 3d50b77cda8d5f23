// Package slackapi is what the services share of Slack: a client, what its errors mean and
// who and where people and channels are.
//
// It guarantees that a token never stands in an error or a log.
package slackapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// DefaultURL is Slack's Web API.
const DefaultURL = "https://slack.com/api/"

// Timeout bounds every call of the Web API.
const Timeout = 10 * time.Second

// Message metadata's event types of what a pipeline posts itself. A message that bears one
// of them is never ingested.
const (
	CardType   = "feedback_card"
	DigestType = "feedback_digest"
	NoteType   = "feedback_note"
)

// Options say how Slack is reached.
type Options struct {
	BotToken run.Secret
	// AppToken is the app-level token for Socket Mode; may be empty.
	AppToken run.Secret
	// APIURL is the base of the Web API; default DefaultURL.
	APIURL string
	// Metrics count how requests are limited; may be nil.
	Metrics *Metrics
}

// New returns a client whose calls take ten seconds at most and are never repeated by
// themselves: the callers know what may be sent twice.
func New(o Options) *slack.Client {
	base := o.APIURL
	if base == "" {
		base = DefaultURL
	}
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	client := &http.Client{Timeout: Timeout}
	if failpoint.Built {
		client.Transport = failing{}
	}
	if o.Metrics != nil {
		client.Transport = limits{cmp.Or[http.RoundTripper](client.Transport, http.DefaultTransport), o.Metrics}
	}
	return slack.New(o.BotToken.Value(), slack.OptionAPIURL(base),
		slack.OptionAppLevelToken(o.AppToken.Value()), slack.OptionHTTPClient(client))
}

// failing has the points at which Slack has done, or not yet, what it was asked for.
type failing struct{}

// RoundTrip passes a point before a message is posted, and one after each success.
func (failing) RoundTrip(r *http.Request) (*http.Response, error) {
	method := path.Base(r.URL.Path)
	if method == "chat.postMessage" {
		failpoint.Here(failpoint.PostSending)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	switch {
	case err != nil || answer.StatusCode != http.StatusOK:
	case method == "chat.postMessage":
		failpoint.Here(failpoint.PostAnswered)
	case method == "chat.update":
		failpoint.Here(failpoint.UpdateAnswered)
	}
	return answer, err
}

// Kind is what can be done about a problem.
type Kind int

const (
	// Transient passes by itself: try again with back-off.
	Transient Kind = iota
	// RateLimited passes after Problem.RetryAfter.
	RateLimited
	// Refused is a token that Slack does not take: a person must replace it. Try again slowly.
	Refused
	// Missing is a channel, a membership or a scope that is not there: a person must act. Try
	// again slowly.
	Missing
	// Permanent is a request that Slack will never take: the same again cannot help.
	Permanent
)

// Problem is an error of Slack, understood.
type Problem struct {
	Kind Kind
	// Reason is one CamelCase word for machines.
	Reason string
	// Message says what is wrong and what to do, for people.
	Message string
	// RetryAfter is how long to wait at least; set for RateLimited.
	RetryAfter time.Duration
	// Unknown is set where it is not known whether Slack did what was asked: the answer was
	// lost or was a server error.
	Unknown bool
}

// Explain says what an error of the client library means. err must not be nil.
func Explain(err error) Problem {
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	var api slack.SlackErrorResponse
	switch {
	case errors.As(err, &limited):
		return Problem{Kind: RateLimited, Reason: "RateLimited", RetryAfter: max(limited.RetryAfter, time.Second),
			Message: "Slack asks to slow down; it goes on by itself"}
	case errors.As(err, &api):
		return explainCode(api)
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return Problem{Kind: RateLimited, Reason: "RateLimited", RetryAfter: time.Second, Message: "Slack asks to slow down; it goes on by itself"}
	case errors.As(err, &status):
		return Problem{Kind: Transient, Reason: "SlackUnavailable", Unknown: true,
			Message: fmt.Sprintf("Slack answered %s; tried again with back-off", status.Status)}
	case errors.Is(err, context.Canceled):
		return Problem{Kind: Transient, Reason: "Stopped", Unknown: true, Message: "stopped while Slack was asked"}
	}
	return Problem{Kind: Transient, Reason: "SlackUnreachable", Unknown: !isDial(err),
		Message: fmt.Sprintf("Slack cannot be reached (%s); tried again with back-off", short(err))}
}

// isDial tells whether the connection was never made, so that nothing was sent.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// short drops the URL, which may bear a ticket, from an HTTP client's error.
func short(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// remedies says for Slack's error codes what to do. Source: the error tables of the Web
// API's methods that are used here.
var remedies = map[string]Problem{
	"invalid_auth":                          {Kind: Refused, Reason: "TokenRefused", Message: "the token is not valid: put the app's current token into the Secret"},
	"not_authed":                            {Kind: Refused, Reason: "TokenRefused", Message: "no token was sent: put the app's token into the Secret"},
	"token_revoked":                         {Kind: Refused, Reason: "TokenRefused", Message: "the token was revoked: reinstall the app and put its new token into the Secret"},
	"token_expired":                         {Kind: Refused, Reason: "TokenRefused", Message: "the token has expired: put a new one into the Secret"},
	"account_inactive":                      {Kind: Refused, Reason: "TokenRefused", Message: "the app was removed from the workspace: install it again"},
	"not_allowed_token_type":                {Kind: Refused, Reason: "TokenRefused", Message: "this kind of token is not taken here: use the bot token (xoxb-) for the Web API, the app-level token (xapp-) for Socket Mode"},
	"missing_scope":                         {Kind: Missing, Reason: "MissingScope", Message: "the app lacks a scope: add it under OAuth & Permissions and reinstall the app"},
	"no_permission":                         {Kind: Missing, Reason: "NoPermission", Message: "the app may not do that: ask a workspace administrator"},
	"channel_not_found":                     {Kind: Missing, Reason: "ChannelNotFound", Message: "there is no such channel, or it is private and the app is not in it: correct the name or invite the app with /invite"},
	"not_in_channel":                        {Kind: Missing, Reason: "NotInChannel", Message: "the app is not in the channel: invite it with /invite"},
	"is_archived":                           {Kind: Missing, Reason: "ChannelArchived", Message: "the channel is archived: unarchive it or name another"},
	"restricted_action":                     {Kind: Missing, Reason: "RestrictedAction", Message: "a workspace setting keeps the app from posting there: ask a workspace administrator"},
	"ratelimited":                           {Kind: RateLimited, Reason: "RateLimited", RetryAfter: time.Second, Message: "Slack asks to slow down; it goes on by itself"},
	"rate_limited":                          {Kind: RateLimited, Reason: "RateLimited", RetryAfter: time.Second, Message: "Slack asks to slow down; it goes on by itself"},
	"msg_too_long":                          {Kind: Permanent, Reason: "MessageRefused", Message: "the message is too long for Slack"},
	"no_text":                               {Kind: Permanent, Reason: "MessageRefused", Message: "the message has no text"},
	"invalid_blocks":                        {Kind: Permanent, Reason: "MessageRefused", Message: "Slack does not take the message's blocks"},
	"invalid_blocks_format":                 {Kind: Permanent, Reason: "MessageRefused", Message: "Slack does not take the message's blocks"},
	"invalid_arguments":                     {Kind: Permanent, Reason: "MessageRefused", Message: "Slack does not take the request's arguments"},
	"metadata_too_large":                    {Kind: Permanent, Reason: "MessageRefused", Message: "the message's metadata is too large"},
	"invalid_metadata_format":               {Kind: Permanent, Reason: "MessageRefused", Message: "Slack does not take the message's metadata"},
	"message_not_found":                     {Kind: Permanent, Reason: "MessageGone", Message: "the message is no longer there"},
	"cant_update_message":                   {Kind: Permanent, Reason: "MessageGone", Message: "the message cannot be changed"},
	"cant_delete_message":                   {Kind: Permanent, Reason: "MessageGone", Message: "the message cannot be deleted"},
	"edit_window_closed":                    {Kind: Permanent, Reason: "MessageGone", Message: "the workspace's time for edits is over"},
	"thread_not_found":                      {Kind: Permanent, Reason: "MessageGone", Message: "the thread is no longer there"},
	"method_not_supported_for_channel_type": {Kind: Permanent, Reason: "ChannelUnsupported", Message: "this kind of channel cannot do that"},
}

func explainCode(api slack.SlackErrorResponse) Problem {
	p, ok := remedies[api.Err]
	if !ok {
		return Problem{Kind: Transient, Reason: "SlackError", Unknown: true, Message: fmt.Sprintf("Slack answered %s; tried again with back-off", api.Err)}
	}
	p.Message = fmt.Sprintf("%s (Slack: %s)", p.Message, api.Err)
	if api.Needed != "" {
		p.Message += fmt.Sprintf("; needed %s, provided %s", api.Needed, api.Provided)
	}
	return p
}
