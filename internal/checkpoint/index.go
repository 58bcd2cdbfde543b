package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/archbench/archbench/internal/strictjson"
)

// index says which shard holds which tensor.
type index map[string]string

// parseIndex reads model.safetensors.index.json. Keys other than weight_map are the writer's own business.
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
			if !filepath.IsLocal(file) || filepath.Base(file) != file {
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

// checkIndex compares the index with what the shards hold.
func (f *Folder) checkIndex(x index) error {
	for _, tensor := range slices.Sorted(maps.Keys(x)) {
		file, ok := f.where[tensor]
		switch {
		case !ok:
			return fmt.Errorf("%s names tensor %q in %s, which does not hold it", IndexFile, tensor, x[tensor])
		case filepath.Base(file.Path()) != x[tensor]:
			return fmt.Errorf("%s names tensor %q in %s, but it is in %s", IndexFile, tensor, x[tensor], filepath.Base(file.Path()))
		}
	}
	for _, tensor := range f.Names() {
		if _, ok := x[tensor]; !ok {
			return fmt.Errorf("%s does not name tensor %q of %s", IndexFile, tensor, filepath.Base(f.where[tensor].Path()))
		}
	}
	return nil
}
