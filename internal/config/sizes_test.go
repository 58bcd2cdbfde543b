package config

import (
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
