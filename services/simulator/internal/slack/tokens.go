package slack

import (
	"errors"
	"slices"
	"sync"
)

// tokens are the app's bot tokens: those that are taken, and those that once were.
type tokens struct {
	mu    sync.Mutex
	taken []string
	known []string
}

func newTokens(first string) *tokens { return &tokens{taken: []string{first}, known: []string{first}} }

// bot tells whether the token is or was a bot token, and whether it is taken.
func (t *tokens) bot(token string) (known, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.known, token), slices.Contains(t.taken, token)
}

// SetBotTokens makes these the bot tokens that are taken, as when an app's token is rotated: first the old and the new
// one, then the new one alone. One that is no longer among them is revoked. A restart forgets it.
func (w *Workspace) SetBotTokens(all []string) error {
	if len(all) == 0 || slices.Contains(all, "") {
		return errors.New("bot: name at least one token, and none that is empty")
	}
	w.tokens.mu.Lock()
	defer w.tokens.mu.Unlock()
	w.tokens.taken = slices.Clone(all)
	w.tokens.known = append(w.tokens.known, all...)
	return nil
}
