package experiment

import (
	"maps"
	"math"
	"strconv"
)

// At returns the options of a model of a width; 0: of its own.
func (m *Model) At(width int) map[string]string {
	options := maps.Clone(m.Options)
	if options == nil {
		options = map[string]string{}
	}
	if m.Width == nil || width == 0 {
		return options
	}
	options[m.Width.Option] = strconv.Itoa(width)
	for option, ratio := range m.Width.Follow {
		options[option] = strconv.Itoa(int(math.Max(1, math.Round(ratio*float64(width)))))
	}
	return options
}
