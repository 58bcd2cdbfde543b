package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/archbench/archbench/internal/strictjson"
)

// index maps tensors to shards. It is trusted only for the shards' names: the shards themselves say which tensors they
// hold.
type index map[string]string

// parseIndex reads model.safetensors.index.json. It ignores keys other than weight_map.
func parseIndex(text []byte) (index, error) {
	shards := index{}
	dec := json.NewDecoder(bytes.NewReader(text))
	err := strictjson.Object(dec, func(key string) error {
		if key != "weight_map" {
			var ignored json.RawMessage
			return dec.Decode(&ignored)
		}
		return strictjson.Object(dec, func(tensor string) error {
			var file string
			if err := dec.Decode(&file); err != nil {
				return fmt.Errorf("weight_map: tensor %q: %w", tensor, err)
			}
			if !filepath.IsLocal(file) || filepath.Base(file) != file || strings.ContainsFunc(file, unicode.IsControl) {
				return fmt.Errorf("weight_map: tensor %q: %q is not the name of a file in this folder", tensor, file)
			}
			shards[tensor] = file
			return nil
		})
	})
	if err == nil {
		err = strictjson.End(dec)
	}
	if err == nil && len(shards) == 0 {
		err = errors.New("has no weight_map")
	}
	return shards, err
}

// files lists the shards in order.
func (x index) files() []string {
	names := slices.Sorted(maps.Values(x))
	return slices.Compact(names)
}
