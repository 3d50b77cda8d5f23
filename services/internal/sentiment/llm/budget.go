package llm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Budget pays for tokens. It is safe for concurrent use.
type Budget interface {
	// Reserve takes n tokens before they are asked for. Its error is a *SpentError once there are not so many left today;
	// it then stays one until the day ends, also for fewer tokens. It is a *BooksError where what was used cannot be read or
	// written, and ErrContended where asking again helps. It may wait for others to be settled.
	Reserve(ctx context.Context, n int64) (Reservation, error)
	// Settle puts what was used in the place of what was reserved; it is called once for each reservation.
	Settle(r Reservation, used int64)
}

// Reservation is a number of tokens that a request may take.
type Reservation struct {
	Tokens int64
	Day    string // 2006-01-02 in UTC
}

// ErrContended says that others took of the budget at the same time; it is asked again.
var ErrContended = errors.New("too many replicas take of the budget of tokens at a time; it is tried again")

// BooksError says that what was used of a budget cannot be read or written.
type BooksError struct{ Err error }

func (e *BooksError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *BooksError) Unwrap() error { return e.Err }

// SpentError says that today's budget does not allow another request.
type SpentError struct {
	Used, Limit int64
	// Until is when the next UTC day begins and the budget is whole again.
	Until time.Time
	// Setting is where the limit stands in the manifest.
	Setting string
}

// Error tells what was used, when scoring goes on, and how to have it go on earlier.
func (e *SpentError) Error() string {
	return fmt.Sprintf("the budget of %d tokens a day is spent (%d used or set aside); scoring stops and lag grows until %s; raise %s.tokensPerDay to go on earlier",
		e.Limit, e.Used, e.Until.Format(time.RFC3339), cmp.Or(e.Setting, DefaultSetting))
}

func isSpent(err error) bool {
	var spent *SpentError
	return errors.As(err, &spent)
}
