package unit

import (
	"math"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0.001718, Second, "1.718 ms"},
		{412.1e-3, Second, "412.1 ms"},
		{36864, Byte, "36.00 KiB"},
		{512, Byte, "512 B"},
		{0, Byte, "0 B"},
		{1.2345e10, FLOP, "12.35 GFLOP"},
		{2048, Token, "2.048 ktoken"},
		{12345, TokensPerSec, "12.35 ktoken/s"},
		{1.4123456, BitsPerByte, "1.412 bit/B"},
		{0.00021, BitsPerByte, "0.00021 bit/B"},
		{0.5, One, "0.5000"},
		{1, One, "1"},
		{math.NaN(), Second, "NaN"},
	} {
		if got := Format(tc.value, tc.unit); got != tc.want {
			t.Errorf("Format(%v, %q) = %q, want %q", tc.value, tc.unit, got, tc.want)
		}
	}
}

func TestScaled(t *testing.T) {
	for _, tc := range []struct {
		value float64
		unit  string
		want  string
	}{
		{61234, TokensPerSec, "61.2k"},
		{0.0007491, Second, "749µ"},
		{1.2345, BitsPerByte, "1.23"},
		{0.98765, BitsPerByte, "0.988"},
		{0.00012345, Nat, "0.000123"},
		{123456, One, "123456"},
		{0, Nat, "0.00"},
	} {
		if got := Scaled(tc.value, tc.unit, 3); got != tc.want {
			t.Errorf("Scaled(%v, %q) = %q, want %q", tc.value, tc.unit, got, tc.want)
		}
	}
}

func TestTick(t *testing.T) {
	for _, tc := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0.00025, Second, "250 µs"},
		{1, Second, "1 s"},
		{4096, Byte, "4 KiB"},
		{2000, TokensPerSec, "2k"},
		{1e9, FLOP, "1G"},
		{0.05, BitsPerByte, "0.05"},
		{0, Byte, "0"},
	} {
		if got := Tick(tc.value, tc.unit); got != tc.want {
			t.Errorf("Tick(%v, %q) = %q, want %q", tc.value, tc.unit, got, tc.want)
		}
	}
}

func TestLength(t *testing.T) {
	for tokens, want := range map[float64]string{0: "0", 128: "128", 1000: "1000", 2048: "2K", 65536: "64K", 1 << 20: "1M", 3000: "3000"} {
		if got := Length(tokens); got != want {
			t.Errorf("Length(%v) = %q, want %q", tokens, got, want)
		}
	}
}

func TestSignedAndPercent(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{Signed(0.0123, 3), "+0.012"},
		{Signed(-0.0123, 3), "-0.012"},
		{Signed(-0.0001, 3), "0.000"},
		{Signed(0, 2), "0.00"},
		{Percent(0.0123), "1.2 %"},
		{Percent(0.51), "51 %"},
		{Percent(-0.511), "-51 %"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
