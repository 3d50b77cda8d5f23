package sentiment

import "context"

type progressKey struct{}

// WithProgress returns a context whose Progress calls f, perhaps several times at the same time.
func WithProgress(ctx context.Context, f func()) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// Progress tells who waits for a batch that a part of it was answered. A backend that asks a service in several requests
// calls it after each that succeeded, so that a large batch is not taken for a service that does not answer.
func Progress(ctx context.Context) {
	if f, ok := ctx.Value(progressKey{}).(func()); ok {
		f()
	}
}
