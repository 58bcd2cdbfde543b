// Package unit formats quantities for people: "1.718 ms", "36.00 KiB", "12.35 GFLOP". It covers the units of the metric
// table and those derived in reports. Machine-readable output uses plain numbers in the base unit instead.
package unit

import (
	"math"
	"strconv"
	"strings"

	"golang.org/x/perf/benchunit"
)

// Units used in reports in addition to the metric table's.
const (
	Second        = "s"
	Byte          = "B"
	FLOP          = "FLOP"
	Token         = "token"
	TokensPerSec  = "token/s"
	BitsPerByte   = "bit/B"
	BitsPerWeight = "bit/weight"
	Nat           = "nat"
	One           = "1"
)

// plain lists the units whose values take no SI prefix: "1.412 bit/B", never "1412 mbit/B".
var plain = map[string]bool{BitsPerByte: true, BitsPerWeight: true, Nat: true, "bit/token": true, "nat/token": true}

// Format formats a value with its unit, to four significant digits, with a prefix if the unit takes one.
func Format(value float64, unit string) string {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return strconv.FormatFloat(value, 'g', -1, 64)
	case unit == One || unit == "":
		return Number(value)
	case plain[unit]:
		return Number(value) + " " + unit
	}
	s := scaler(value, unit)
	return strconv.FormatFloat(value/s.Factor, 'f', s.Prec, 64) + " " + s.Prefix + unit
}

// Scaled formats a value with the prefix of its unit but without the unit itself, to a number of significant digits: "61.2k".
func Scaled(value float64, unit string, digits int) string {
	prefix := ""
	if unit != One && unit != "" && !plain[unit] {
		s := scaler(value, unit)
		value, prefix = value/s.Factor, s.Prefix
	}
	before := 1
	if magnitude := math.Abs(value); magnitude > 0 {
		before += int(math.Floor(math.Log10(magnitude)))
	}
	return strconv.FormatFloat(value, 'f', max(0, digits-before), 64) + prefix
}

// Tick formats a round value on an axis: "250 µs", "4 KiB", "2k". Counts have a prefix but no unit, because the axis
// names it.
func Tick(value float64, unit string) string {
	switch {
	case value == 0:
		return "0"
	case unit == One || unit == "" || plain[unit]:
		return short(value)
	case unit == Second || unit == Byte:
		s := scaler(value, unit)
		return short(value/s.Factor) + " " + s.Prefix + unit
	}
	s := scaler(value, unit)
	return short(value/s.Factor) + s.Prefix
}

// Length formats a number of tokens like a context length: 128, 2K (2048), 1M (1048576), 1000.
func Length(tokens float64) string {
	n := int64(math.Round(tokens))
	for _, scale := range []struct {
		size   int64
		suffix string
	}{{1 << 20, "M"}, {1 << 10, "K"}} {
		if n >= scale.size && n%scale.size == 0 {
			return strconv.FormatInt(n/scale.size, 10) + scale.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// Number formats a plain number: integers below 10⁷ in full, others to four significant digits, and very small and very
// large ones to three with an exponent.
func Number(value float64) string {
	magnitude := math.Abs(value)
	switch {
	case value == math.Trunc(value) && magnitude < 1e7:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case magnitude >= 1e-3 && magnitude < 1e5:
		digits := 3 - int(math.Floor(math.Log10(magnitude)))
		return strconv.FormatFloat(value, 'f', max(digits, 0), 64)
	}
	return strconv.FormatFloat(value, 'g', 3, 64)
}

// Percent formats a fraction, for example "1.2 %".
func Percent(share float64) string {
	percent := 100 * share
	digits := 1
	if math.Abs(percent) >= 10 {
		digits = 0
	}
	return strconv.FormatFloat(percent, 'f', digits, 64) + " %"
}

// Signed formats a difference with its sign; a value that rounds to zero has none.
func Signed(value float64, digits int) string {
	s := strconv.FormatFloat(value, 'f', digits, 64)
	switch {
	case strings.Trim(s, "-0.") == "":
		return strings.TrimPrefix(s, "-")
	case strings.HasPrefix(s, "-"):
		return s
	}
	return "+" + s
}

func scaler(value float64, unit string) benchunit.Scaler {
	class := benchunit.Decimal
	if unit == Byte {
		class = benchunit.Binary
	}
	s := benchunit.CommonScale([]float64{value}, class)
	if s.Factor == 1 && value == math.Trunc(value) {
		s.Prec = 0 // counts: "12 token", "512 B"
	}
	return s
}

// short drops trailing zeros: 250, 2.5, 1e-05.
func short(value float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 4, 64), 64)
	if magnitude := math.Abs(rounded); magnitude >= 1e5 || magnitude < 1e-4 {
		return strconv.FormatFloat(rounded, 'g', -1, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
