package config

import "fmt"

// maxSize bounds a dimension, so that the product of two or three cannot overflow.
const maxSize = 1 << 20

// Sizes are dimensions under their keys.
type Sizes []struct {
	Key   string
	Value int
}

// Check returns an error that names the first size below 1 or absurdly large.
func (s Sizes) Check() error {
	for _, size := range s {
		if size.Value < 1 || size.Value > maxSize {
			return fmt.Errorf("%s is %d, must be from 1 to %d", size.Key, size.Value, maxSize)
		}
	}
	return nil
}
