package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/archbench/archbench/internal/config"
)

// GenerationFile may list more end tokens than config.json does. Its other keys are sampling preferences.
const GenerationFile = "generation_config.json"

// Ends adds the end tokens of generation_config.json to those of config.json. An id outside the vocabulary or an
// unreadable file is only a warning, because the model can be measured without it.
func (f *Folder) Ends(ends []int32, vocab int) (all []int32, warnings []string) {
	all = slices.Clone(ends)
	data, err := readJSON(f.dir, GenerationFile, maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	var listed config.IDs
	if err == nil {
		listed, err = readEnds(data)
	}
	if err != nil {
		return all, []string{fmt.Sprintf("ends of a text that only %s lists are not known: %v", GenerationFile, err)}
	}
	for _, id := range listed {
		switch {
		case id < 0 || int(id) >= vocab:
			warnings = append(warnings, fmt.Sprintf("%s: eos_token_id %d is outside the %d ids of the model and is left out", GenerationFile, id, vocab))
		case !slices.Contains(all, id):
			all = append(all, id)
		}
	}
	return all, warnings
}

// readEnds reads the ids from the text of the file.
func readEnds(data []byte) (ids config.IDs, err error) {
	r, err := config.Parse(data, nil)
	if err != nil {
		return nil, err
	}
	config.Read(r, &ids, "eos_token_id")
	return ids, r.Err()
}
