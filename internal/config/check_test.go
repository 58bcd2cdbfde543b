package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestSizes(t *testing.T) {
	for value, ok := range map[int]bool{-1: false, 0: false, 1: true, 1 << 20: true, 1<<20 + 1: false} {
		err := Sizes{{"layers", 4}, {"width", value}}.Check()
		if (err == nil) != ok {
			t.Errorf("width %d: %v", value, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "width is ") {
			t.Errorf("width %d: %v does not name the key", value, err)
		}
	}
}

func TestPositiveAndWords(t *testing.T) {
	for want, err := range map[string]error{
		"": Positive{{"a", 1e-300}}.Check(), "b is 0, must be positive": Positive{{"a", 1}, {"b", 0}}.Check(),
		"e is 1, must be from 0 to less than 1": Rates{{"d", 0}, {"e", 1}}.Check(),
		`d is "x", must be p or q`:              Words{{"c", "p", []string{"p"}}, {"d", "x", []string{"p", "q"}}}.Check(),
	} {
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
}
