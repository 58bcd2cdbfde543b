package checkpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// packings are the keys of config.json under which programs note that the weights are quantised and packed.
var packings = []string{"quantization_config", "compression_config", "quantization"}

// refusePacked returns an error about a config of packed weights that says how they are packed.
func refusePacked(config []byte) error {
	var keys map[string]json.RawMessage
	if json.Unmarshal(config, &keys) != nil {
		return nil // it is no object, which the architecture reports
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

// packingNotes are the files beside config.json in which programs note the same, by method.
var packingNotes = []struct{ file, method string }{
	{"quantize_config.json", "gptq"}, {"quant_config.json", "awq"}, {"hf_quant_config.json", "modelopt"},
}

// notedPacking says how a folder's weights are packed where a file beside config.json notes it, else nothing. Such a file
// may have stayed behind when the weights were saved dequantised, so it only explains why a tensor is missing.
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

// notServed is the way out.
const notServed = "packed checkpoints are not served, save it dequantised"

// known is how methods are called.
var known = regexp.MustCompile(`^[\w-]{1,40}$`)

// describePacking names the method, by default the one of the file, and the bits, as far as they are known.
func describePacking(packing map[string]any, method string) string {
	if named, _ := packing["quant_method"].(string); known.MatchString(named) {
		method = named
	}
	if bits := packedBits(packing); bits > 0 {
		return fmt.Sprintf("%s, %g bit", method, bits)
	}
	return method
}

// packedBits looks for the size of a weight under the keys that the methods have for it, in sub-objects last.
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
