package suite

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// expand replaces ranges by their values. Duplicate values are an error.
func expand(values []string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, v := range values {
		v = strings.TrimSpace(v)
		if v == "" {
			return nil, errors.New("a value is empty")
		}
		all := []string{v}
		if strings.Contains(v, "..") {
			var err error
			if all, err = geometric(v); err != nil {
				return nil, err
			}
		}
		for _, one := range all {
			if seen[one] {
				return nil, fmt.Errorf("duplicate value %s", one)
			}
			seen[one] = true
			out = append(out, one)
		}
	}
	return out, nil
}

// geometric expands "first..last*factor": first, first*factor, ... up to last.
func geometric(s string) ([]string, error) {
	bounds, step, ok := strings.Cut(s, "*")
	low, high, _ := strings.Cut(bounds, "..")
	first, e1 := strconv.Atoi(low)
	last, e2 := strconv.Atoi(high)
	factor, e3 := strconv.Atoi(step)
	if !ok || e1 != nil || e2 != nil || e3 != nil || first < 1 || last < first || factor < 2 || last > 1<<40 {
		return nil, fmt.Errorf("range %q is not of the form first..last*factor, for example 1024..65536*4", s)
	}
	var out []string
	for n := first; n <= last; n *= factor {
		out = append(out, strconv.Itoa(n))
		if n > last/factor {
			break
		}
	}
	return out, nil
}
