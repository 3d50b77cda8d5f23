// Package image holds the test of what `make images` pushes. It has the build tag e2e and is run by `make images-check`.
package image
