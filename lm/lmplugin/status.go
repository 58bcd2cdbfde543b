package lmplugin

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/archbench/archbench/internal/printable"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// kindCodes maps each kind to a gRPC code, so that errors without details keep their kind too.
var kindCodes = map[lm.Kind]codes.Code{
	lm.Internal:    codes.Internal,
	lm.Invalid:     codes.InvalidArgument,
	lm.Unsupported: codes.Unimplemented,
	lm.NotFound:    codes.NotFound,
	lm.Resource:    codes.ResourceExhausted,
	lm.Corrupt:     codes.DataLoss,
	lm.Deadline:    codes.DeadlineExceeded,
}

// kindOfCode is the inverse of kindCodes. Other codes are of kind Internal.
func kindOfCode(code codes.Code) lm.Kind {
	if code == codes.Canceled {
		return lm.Deadline
	}
	for kind, c := range kindCodes {
		if c == code {
			return kind
		}
	}
	return lm.Internal
}

// opOf returns the operation of a gRPC method: "score" for "/lm.v1.LanguageModelService/Score".
func opOf(method string) string { return strings.ToLower(path.Base(method)) }

// toStatus converts an error of the plugin to its wire form. It leaves gRPC's own errors unchanged.
func toStatus(op string, err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	detail := &lmpb.Error{Op: op, Kind: lmpb.Kind(lm.KindOf(err) + 1), Message: err.Error()}
	if e, ok := err.(*lm.Error); ok { //nolint:errorlint // only an outermost Error can be split without losing text
		detail.Message = e.Err.Error()
		if e.Op != "" {
			detail.Op = e.Op
		}
	}
	s := status.New(kindCodes[lm.KindOf(err)], err.Error())
	if detailed, err := s.WithDetails(detail); err == nil {
		s = detailed
	}
	return s.Err()
}

// fromStatus restores an error from its wire form, made by toStatus or by a plugin in another language.
func fromStatus(ctx context.Context, op string, err error) error {
	s := status.Convert(err)
	e := &lm.Error{Op: op, Kind: kindOfCode(s.Code()), Err: errors.New(safeText(s.Message()))}
	detail := errorDetail(s)
	if detail == nil && strings.HasPrefix(s.Message(), "grpc: received message larger than max") { // from this side's gRPC
		return &lm.Error{Op: op, Err: lm.Faultf(lm.Malformed, "a message of more than %d MiB", longestMessage>>20)}
	}
	if detail != nil {
		e.Op, e.Err = safeText(detail.GetOp()), errors.New(safeText(detail.GetMessage()))
		if detail.GetKind() != lmpb.Kind_KIND_UNSPECIFIED {
			e.Kind = lm.Kind(detail.GetKind() - 1)
		}
	}
	if e.Kind == lm.Deadline {
		e.Err = cause(ctx, e.Err)
	}
	return e
}

// safeText makes text of a plugin safe to print, and cuts it.
func safeText(s string) string { return printable.Text(printable.Cut(s, longestText)) }

// cause returns why a call was cut off. The plugin knows the deadline too and may reset the stream a moment before the
// context on this side ends.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < deadlineSkew {
		return context.DeadlineExceeded
	}
	return err
}

// deadlineSkew is how far the two ends of a call may differ about its deadline.
const deadlineSkew = 100 * time.Millisecond

func errorDetail(s *status.Status) *lmpb.Error {
	for _, d := range s.Details() {
		if e, ok := d.(*lmpb.Error); ok {
			return e
		}
	}
	return nil
}
