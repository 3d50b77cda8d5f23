package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

// postAttempts is how often a message is tried while Slack cannot take it.
const postAttempts = 5

type postOptions struct {
	channel, file, apiURL string
	rate                  float64
	limit                 int
}

func (a *app) postCommand() *cobra.Command {
	var o postOptions
	cmd := &cobra.Command{
		Use:   "post --channel name [text ...]",
		Short: "Post messages to a Slack channel, to make feedback",
		Long: `post sends messages to a Slack channel: its arguments, or the lines of a file (--file, - is
stdin), one message a line; empty lines are left out. It writes a line for each message that
stands: channel and ts. It slows down when Slack asks for it.

The token is read from the environment: SLACK_USER_TOKEN (xoxp-, posts as a person) or
SLACK_BOT_TOKEN (xoxb-, posts as the app, scope chat:write). What an app posts a pipeline
takes in only if its source has slack.includeBots: true.`,
		Example: `  export SLACK_BOT_TOKEN=xoxb-...
  feedbackctl post --channel feedback "The new portal is great" "503 again"
  feedbackctl post --channel feedback --file messages.txt --rate 0.5
  SLACK_USER_TOKEN=xoxp-simulator feedbackctl post --api-url http://localhost:8090/api/ --channel feedback "Azure is awful today"`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.post(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.channel, "channel", "c", "", "channel by name or id (required)")
	f.StringVarP(&o.file, "file", "f", "", "file with one message a line; - is stdin")
	f.Float64Var(&o.rate, "rate", 1, "messages a second; Slack takes about one")
	f.IntVarP(&o.limit, "count", "n", 0, "stop after so many messages (0: at the end)")
	f.StringVar(&o.apiURL, "api-url", a.env["SLACK_API_URL"], "base address of Slack's Web API (default $SLACK_API_URL or "+slackapi.DefaultURL+")")
	f.Lookup("api-url").DefValue = ""
	return cmd
}

func (a *app) post(ctx context.Context, o postOptions, args []string) error {
	token, err := a.checkPost(o, args)
	if err != nil {
		return err
	}
	messages, closeFile, err := a.messages(o.file, args)
	if err != nil {
		return err
	}
	defer closeFile()
	p := &poster{api: slackapi.New(slackapi.Options{BotToken: token, APIURL: o.apiURL}), err: a.err}
	if err := p.find(ctx, o.channel); err != nil {
		return err
	}
	limiter := rate.NewLimiter(rate.Limit(o.rate), 1)
	posted := 0
	for text, err := range messages {
		if err != nil {
			return err
		}
		if err := limiter.Wait(ctx); err != nil {
			return stopped(posted, err)
		}
		ts, err := p.post(ctx, text)
		if err != nil {
			return stopped(posted, err)
		}
		fmt.Fprintf(a.out, "%s\t%s\n", safe(p.name), ts)
		if posted++; posted == o.limit {
			break
		}
	}
	fmt.Fprintf(a.err, "posted %d messages to #%s\n", posted, safe(p.name))
	return nil
}

func stopped(posted int, err error) error {
	return fmt.Errorf("stopped after %d messages: %w", posted, err)
}

// checkPost checks what was asked for and returns the token to post with.
func (a *app) checkPost(o postOptions, args []string) (run.Secret, error) {
	switch {
	case o.channel == "":
		return "", usagef("--channel is missing: name the channel to post to, such as --channel feedback")
	case len(args) == 0 && o.file == "":
		return "", usagef("there is nothing to post: give texts as arguments or --file (- is stdin)")
	case len(args) > 0 && o.file != "":
		return "", usagef("--file %q: give either a file or texts as arguments", o.file)
	case !(o.rate > 0 && o.rate <= 1000):
		return "", usagef("--rate %v: give messages a second, above 0 and at most 1000", o.rate)
	}
	for _, name := range []string{"SLACK_USER_TOKEN", "SLACK_BOT_TOKEN"} {
		if token := a.env[name]; token != "" {
			return run.Secret(token), nil
		}
	}
	return "", usagef("no token: set SLACK_BOT_TOKEN (xoxb-, posts as the app) or SLACK_USER_TOKEN (xoxp-, posts as you) in the environment")
}

// messages are the texts to post, without empty ones, as they are read.
func (a *app) messages(file string, args []string) (iter.Seq2[string, error], func(), error) {
	switch file {
	case "":
		return func(yield func(string, error) bool) {
			for _, text := range args {
				if strings.TrimSpace(text) != "" && !yield(text, nil) {
					return
				}
			}
		}, func() {}, nil
	case "-":
		return nonEmpty(a.in), func() {}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, usagef("--file %q: %v", file, errors.Unwrap(err))
	}
	return nonEmpty(f), func() { _ = f.Close() }, nil
}

// nonEmpty are the lines of in that hold more than white space.
func nonEmpty(in io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		r := newLineReader(in)
		for {
			line, err := r.next()
			if text := strings.TrimSpace(line); text != "" && !yield(text, nil) {
				return
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", fmt.Errorf("read texts: %w", err))
				return
			}
		}
	}
}

// poster posts to one channel.
type poster struct {
	api      *slack.Client
	err      io.Writer
	id, name string
}

// find looks the channel up. Without the scope to do so Slack is asked by the name itself.
func (p *poster) find(ctx context.Context, channel string) error {
	channel = strings.TrimPrefix(channel, "#")
	found, err := slackapi.NewDirectory(p.api).Channel(ctx, channel)
	switch {
	case err == nil:
		p.id, p.name = found.ID, found.Name
	case slackapi.Explain(err).Reason == "MissingScope":
		p.id, p.name = channel, channel
	default:
		return fmt.Errorf("channel %q: %s", channel, slackapi.Explain(err).Message)
	}
	return nil
}

// post posts one message and returns its ts. It waits while Slack is away or asks to slow
// down. A message whose answer was lost may be posted twice.
func (p *poster) post(ctx context.Context, text string) (string, error) {
	for attempt := 1; ; attempt++ {
		_, ts, err := p.api.PostMessageContext(ctx, p.id, slack.MsgOptionText(text, true),
			slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
		if err == nil {
			return ts, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		problem := slackapi.Explain(err)
		wait := problem.RetryAfter
		switch {
		case problem.Kind == slackapi.RateLimited:
			attempt-- // waiting as told is no failure
		case problem.Kind != slackapi.Transient || attempt >= postAttempts:
			return "", fmt.Errorf("post to #%s: %s", p.name, problem.Message)
		default:
			wait = time.Second << (attempt - 1)
		}
		fmt.Fprintf(p.err, "waiting %v: %s\n", wait, safe(problem.Message))
		if err := run.Sleep(ctx, wait); err != nil {
			return "", err
		}
	}
}
