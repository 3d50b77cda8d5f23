package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

// pushWorkers is how many HTTP events are on their way at the same time.
const pushWorkers = 4

// pusher sends signed events to the app's HTTP address, once the address has answered
// Slack's url_verification.
type pusher struct {
	d      *delivery
	client *http.Client

	mu    sync.Mutex
	wait  []*pushed
	ready chan struct{} // has one element while there is something to take
}

// pushed is an event on its way by HTTP.
type pushed struct {
	body     []byte
	retry    int
	reason   string
	repeated bool
}

func newPusher(d *delivery, client *http.Client) *pusher {
	return &pusher{d: d, client: client, ready: make(chan struct{}, 1)}
}

func (p *pusher) start() {
	p.d.tasks.Add(1)
	go func() {
		defer p.d.tasks.Done()
		if !p.verify() {
			return
		}
		p.d.w.opts.Log.Info("the events address is verified", "url", p.d.w.opts.EventsURL)
		for range pushWorkers {
			p.d.tasks.Add(1)
			go func() {
				defer p.d.tasks.Done()
				p.work()
			}()
		}
	}()
}

// verify asks for the challenge every second until it comes back; false if it was stopped.
func (p *pusher) verify() bool {
	challenge := makeID("", p.d.w.opts.EventsURL)
	body := must(json.Marshal(map[string]string{"token": "simulated-verification-token", "challenge": challenge, "type": "url_verification"}))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		answer, _, err := p.post(&pushed{body: body})
		if err == nil && strings.Contains(answer, challenge) {
			return true
		}
		select {
		case <-p.d.ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func (p *pusher) queue(e *pushed) {
	p.mu.Lock()
	p.wait = append(p.wait, e)
	p.mu.Unlock()
	p.wake()
}

func (p *pusher) wake() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

func (p *pusher) take() *pushed {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.wait) == 0 {
		return nil
	}
	e := p.wait[0]
	p.wait = p.wait[1:]
	if len(p.wait) > 0 {
		p.wake()
	}
	return e
}

func (p *pusher) work() {
	for {
		select {
		case <-p.d.ctx.Done():
			return
		case <-p.ready:
		}
		for e := p.take(); e != nil; e = p.take() {
			p.deliver(e)
			if p.d.ctx.Err() != nil {
				return
			}
		}
	}
}

// deliver sends e once, and queues it again where Slack would.
func (p *pusher) deliver(e *pushed) {
	p.count("delivered")
	_, header, err := p.post(e)
	if err == nil {
		p.count("acknowledged")
		if _, ok := p.d.w.opts.Faults.Hit(fault.Redeliver, ""); ok && !e.repeated {
			p.count("redelivered")
			p.queue(&pushed{body: e.body, retry: e.retry + 1, reason: "http_timeout", repeated: true})
		}
		return
	}
	retries := p.d.w.opts.PushRetries
	if e.retry >= len(retries) || header.Get("X-Slack-No-Retry") == "1" {
		p.count("given_up")
		return
	}
	again := &pushed{body: e.body, retry: e.retry + 1, reason: reason(err), repeated: e.repeated}
	p.count("redelivered")
	time.AfterFunc(retries[e.retry], func() { p.queue(again) })
}

func (p *pusher) count(what string) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	p.d.stats[what]++
}

// errRefused is an answer other than 2xx.
var errRefused = errors.New("the events address refused it")

// reason words an error as Slack's X-Slack-Retry-Reason does.
func reason(err error) string {
	switch {
	case errors.Is(err, errRefused):
		return "http_error"
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return "http_timeout"
	}
	return "connection_failed"
}

// post sends e signed; an answer other than 2xx is errRefused.
func (p *pusher) post(e *pushed) (string, http.Header, error) {
	req, err := http.NewRequestWithContext(p.d.ctx, http.MethodPost, p.d.w.opts.EventsURL, bytes.NewReader(e.body))
	if err != nil {
		return "", nil, err
	}
	ts := strconv.FormatInt(p.d.w.opts.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	req.Header.Set("X-Slack-Request-Timestamp", ts)
	req.Header.Set("X-Slack-Signature", sign(p.d.w.opts.SigningSecret, ts, e.body))
	if e.retry > 0 {
		req.Header.Set("X-Slack-Retry-Num", strconv.Itoa(e.retry))
		req.Header.Set("X-Slack-Retry-Reason", e.reason)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return "", resp.Header, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", resp.Header, errRefused
	}
	return string(b), resp.Header, nil
}

// sign is Slack's signature of a request: v0 and the HMAC of "v0:ts:body" in hex.
func sign(secret, ts string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", ts, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}
