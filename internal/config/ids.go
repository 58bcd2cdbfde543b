package config

import (
	"encoding/json"
	"errors"
)

// IDs are token ids: in the file a number, a list or null.
type IDs []int32

// UnmarshalJSON accepts a number, a list or null.
func (t *IDs) UnmarshalJSON(data []byte) error {
	var one *int32
	if json.Unmarshal(data, &one) != nil {
		if holdsNull(data) {
			return errors.New("null is no token id")
		}
		return json.Unmarshal(data, (*[]int32)(t))
	}
	*t = nil
	if one != nil {
		*t = IDs{*one}
	}
	return nil
}

// Want names the values that a config may hold.
func (IDs) Want() string { return "a token id, a list of ids, or null" }

// MarshalJSON writes a single id as a number and none as null.
func (t IDs) MarshalJSON() ([]byte, error) {
	switch len(t) {
	case 0:
		return []byte("null"), nil
	case 1:
		return json.Marshal(t[0])
	default:
		return json.Marshal([]int32(t))
	}
}

// First returns the first id, or -1 if there is none.
func (t IDs) First() int32 {
	if len(t) == 0 {
		return -1
	}
	return t[0]
}

// ReadIDs reads bos_token_id and eos_token_id. They keep their defaults only if the key is absent. Ids outside the
// vocabulary cannot occur in a text; they are dropped with a warning.
func ReadIDs(r *Reader, vocab int, bos, eos *IDs) {
	readIDs(r, bos, vocab, "bos_token_id")
	readIDs(r, eos, vocab, "eos_token_id")
}

func readIDs(r *Reader, dst *IDs, vocab int, name string) {
	given := r.Has(name)
	if given {
		*dst = nil
	}
	Read(r, dst, name)
	var kept IDs
	for _, id := range *dst {
		switch {
		case id >= 0 && int(id) < vocab:
			kept = append(kept, id)
		case given:
			r.Warn("%s %d is outside vocab_size %d and is left out", name, id, vocab)
		}
	}
	*dst = kept
}
