package lm

import (
	"context"
	"errors"
	"fmt"
)

// Kind classifies an [Error] so that programs can react to it. The list only grows.
type Kind int

// The kinds of error, which survive the wire.
const (
	Internal    Kind = iota // a bug in the plugin
	Invalid                 // the request makes no sense
	Unsupported             // the plugin lacks the ability
	NotFound                // a file or handle does not exist
	Resource                // out of memory, disk or another limit
	Corrupt                 // a file is inconsistent with itself or its config
	Deadline                // cancelled or out of time
)

var kindNames = [...]string{"internal", "invalid", "unsupported", "not found", "resource", "corrupt", "deadline"}

// String returns the kind in words.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Error is an error whose kind survives the plugin boundary.
type Error struct {
	Op   string // what failed, for example "load"
	Kind Kind
	Err  error
}

// Error returns "op: cause".
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an *Error of the given kind; format may use %w.
func Errorf(kind Kind, op, format string, args ...any) error {
	return &Error{Op: op, Kind: kind, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the first [Error] in err's chain, Deadline for a done context, else Internal.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Deadline
	default:
		return Internal
	}
}
