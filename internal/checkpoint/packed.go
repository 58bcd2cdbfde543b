package checkpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// packings are the config.json keys that mark weights as quantised and packed.
var packings = []string{"quantization_config", "compression_config", "quantization"}

// refusePacked returns an error that says how the weights are packed, if the config says so.
func refusePacked(config []byte) error {
	var keys map[string]json.RawMessage
	if json.Unmarshal(config, &keys) != nil {
		return nil // not an object, which the architecture reports
	}
	for _, key := range packings {
		var packing map[string]any
		if json.Unmarshal(keys[key], &packing) != nil || len(packing) == 0 {
			continue
		}
		return fmt.Errorf("%s has %s (%s): %s", ConfigFile, key, describePacking(packing, "method not named"), notServed)
	}
	return nil
}

// packingNotes are the files beside config.json that say the same, with the method they imply.
var packingNotes = []struct{ file, method string }{
	{"quantize_config.json", "gptq"}, {"quant_config.json", "awq"}, {"hf_quant_config.json", "modelopt"},
}

// notedPacking says how the weights are packed according to a file beside config.json, or "". Such a file may be left
// over from before the weights were dequantised, so it only serves to explain a missing tensor.
func notedPacking(dir string) string {
	for _, note := range packingNotes {
		var packing map[string]any
		text, err := readJSON(dir, note.file, maxSettings)
		if err != nil || json.Unmarshal(text, &packing) != nil {
			continue
		}
		return fmt.Sprintf("%s says that the weights are packed (%s): %s", note.file, describePacking(packing, note.method), notServed)
	}
	return ""
}

// notServed tells the user what to do.
const notServed = "packed checkpoints are not served, save it dequantised"

// known matches plausible method names.
var known = regexp.MustCompile(`^[\w-]{1,40}$`)

// describePacking returns the method, by default the file's own, and the bits if known.
func describePacking(packing map[string]any, method string) string {
	if named, _ := packing["quant_method"].(string); known.MatchString(named) {
		method = named
	}
	if bits := packedBits(packing); bits > 0 {
		return fmt.Sprintf("%s, %g bit", method, bits)
	}
	return method
}

// packedBits looks for the bits per weight under each method's key, in sub-objects last.
func packedBits(packing map[string]any) float64 {
	for _, key := range []string{"bits", "w_bit", "weight_bits", "num_bits", "nbits"} {
		if bits, ok := packing[key].(float64); ok {
			return bits
		}
	}
	switch {
	case packing["load_in_4bit"] == true, packing["quant_method"] == "mxfp4":
		return 4
	case packing["load_in_8bit"] == true, packing["quant_method"] == "fp8":
		return 8
	}
	for _, key := range slices.Sorted(maps.Keys(packing)) {
		if inner, ok := packing[key].(map[string]any); ok {
			if bits := packedBits(inner); bits > 0 {
				return bits
			}
		}
	}
	return 0
}
