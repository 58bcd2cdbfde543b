package lm

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Limits on what a plugin may report.
const (
	longestName    = 256     // bytes of a name
	longestConfig  = 1 << 20 // bytes of a config or schema
	mostItems      = 1 << 12 // variants, precisions, classes, components, end tokens
	addressSpace   = 1 << 47 // bytes that a process can address
	bytesPerWeight = 16      // at most
	padding        = 64 << 20
)

// Check returns an error if no plugin can fit the description.
func (d Description) Check() error {
	errs := []error{
		checkCount("abilities", len(d.Abilities)),
		checkName("name", d.Name), checkLength("version", d.Version, longestName), checkLength("language", d.Language, longestName),
		checkLength("kernels", d.Kernels, longestName), checkLength("summary", d.Summary, longestConfig), checkLength("config schema", d.ConfigSchema, longestConfig),
		checkCount("variants", len(d.Variants)), checkCount("precisions", len(d.Precisions)), checkCount("devices", len(d.Devices)),
	}
	for _, v := range d.Variants {
		errs = append(errs, checkName("variant name", v.Name), checkLength("variant summary", v.Summary, longestConfig), checkLength("variant config", v.Config, longestConfig))
	}
	for _, p := range d.Precisions {
		errs = append(errs, checkName("precision", p))
	}
	for _, a := range d.Abilities { // may be unknown here: those of a newer contract are never requested
		errs = append(errs, checkName("ability", string(a)))
	}
	for _, device := range d.Devices {
		errs = append(errs, checkName("device name", device.Name), checkLength("device summary", device.Summary, longestConfig),
			checkRange("the memory of device "+device.Name, device.Memory, 0, addressSpace))
	}
	return cmp.Or(errs...)
}

// checkAbilities checks that the model has no ability that its plugin lacks.
func (m ModelInfo) checkAbilities(d Description) error {
	for _, a := range m.Abilities {
		if !d.Has(a) {
			return Faultf(Contradiction, "the model has the ability %.40q, its plugin %q", string(a), d.Abilities)
		}
	}
	return nil
}

func checkName(what, s string) error {
	if s == "" {
		return Faultf(Malformed, "the plugin's %s is empty", what)
	}
	return checkLength(what, s, longestName)
}

func checkLength(what, s string, most int) error {
	if len(s) > most {
		return Faultf(Malformed, "the plugin's %s has %d bytes, limit %d", what, len(s), most)
	}
	return nil
}

func checkCount(what string, n int) error {
	if n > mostItems {
		return Faultf(Malformed, "the plugin lists %d %s, limit %d", n, what, mostItems)
	}
	return nil
}

func checkRange(what string, n, least, most int64) error {
	if n < least || n > most {
		return Faultf(Malformed, "%s is %d, want %d to %d", what, n, least, most)
	}
	return nil
}

// Check returns an error if no model of the plugin can fit the info. Weights take between 1 bit and 16 bytes per
// parameter, plus up to 64 MiB for tables and padding. A model that reports no memory is only checked against the address
// space.
func (m ModelInfo) Check(d Description) error {
	errs := []error{
		m.checkAbilities(d),
		checkRange("the vocabulary", int64(m.Vocab), 1, math.MaxInt32), checkRange("the start token", int64(m.BOS), -1, int64(m.Vocab)-1),
		checkRange("the context limit", int64(m.ContextLimit), 0, math.MaxInt64), checkRange("the number of threads", int64(m.Threads), 0, 1<<20),
		checkRange("the number of parameters", m.Parameters, 0, 8*addressSpace),
		checkCount("end tokens", len(m.EOS)), checkCount("abilities of a model", len(m.Abilities)), checkLength("config", m.Config, longestConfig), m.checkDevice(d),
	}
	for _, id := range m.EOS {
		errs = append(errs, checkRange("an end token", int64(id), 0, int64(m.Vocab)-1))
	}
	for _, s := range []string{m.Architecture, m.Mode, m.StateKind, m.Precision, m.HeadPrecision, m.Kernels} {
		errs = append(errs, checkLength("name", s, longestName))
	}
	total, err := sumOf("the weights", m.Bytes, addressSpace)
	errs = append(errs, err)
	if err == nil && len(m.Bytes) > 0 && (total < m.Parameters/8 || total/bytesPerWeight > m.Parameters+padding/bytesPerWeight) {
		errs = append(errs, Faultf(Malformed, "%d parameters in %d bytes: less than 1 bit or more than %d bytes each", m.Parameters, total, bytesPerWeight))
	}
	return cmp.Or(errs...)
}

// checkDevice checks that the model is on a device of its plugin.
func (m ModelInfo) checkDevice(d Description) error {
	if m.Device.Name == "" || slices.Contains(d.Devices, m.Device) {
		return nil
	}
	return Faultf(Malformed, "the model is on device %.40q, which the plugin does not have", m.Device.Name)
}

// sumOf adds up memory by class and checks that it is at most that many bytes.
func sumOf(what string, classes []ByteClass, most int64) (total int64, err error) {
	if err := checkCount("classes of memory", len(classes)); err != nil {
		return 0, err
	}
	for _, c := range classes {
		if err := cmp.Or(checkLength("class of memory", c.Class, longestName), checkRange(fmt.Sprintf("%s %q in bytes", what, c.Class), c.Bytes, 0, most-total)); err != nil {
			return 0, err
		}
		total += c.Bytes
	}
	return total, nil
}

// Check returns an error for more memory than a host with most bytes (0: unknown) or the model's device has.
func (m Memory) Check(most int64, device Device) error {
	return cmp.Or(checkMemory("the memory", m.Live, most, device), checkMemory("the peak", m.Peak, most, device))
}

// checkMemory checks host memory and device memory, each against its limit.
func checkMemory(what string, classes []ByteClass, most int64, device Device) error {
	var host, own []ByteClass
	for _, c := range classes {
		switch {
		case c.Device == "":
			host = append(host, c)
		case c.Device == device.Name && device.Memory > 0:
			own = append(own, c)
		default:
			return Faultf(Malformed, "%s %.40q is reported on %.40q, which is not the model's device or has no memory of its own",
				what, c.Class, c.Device)
		}
	}
	if most <= 0 {
		most = addressSpace
	}
	_, inHost := sumOf(what, host, most)
	_, inDevice := sumOf(what, own, device.Memory)
	return cmp.Or(inHost, inDevice)
}

// Check returns an error for costs that are negative, too large to add up, or outside their bounds.
func (r CostReply) Check() error {
	errs := []error{checkRange("the state by formula in bytes", r.StateBytes, -1, math.MaxInt64)}
	for _, items := range [][]CostItem{r.Analytic, r.Counted, r.Reference, r.Least, r.Most} {
		errs = append(errs, checkCount("components", len(items)))
		var flops, bytes int64
		for _, it := range items {
			if err := cmp.Or(checkLength("component", it.Component, longestName), checkRange("FLOPs of "+it.Component, it.FLOPs, 0, math.MaxInt64-flops),
				checkRange("bytes of "+it.Component, it.Bytes, 0, math.MaxInt64-bytes)); err != nil {
				return err
			}
			flops, bytes = flops+it.FLOPs, bytes+it.Bytes
		}
	}
	return cmp.Or(append(errs, r.checkBounds())...)
}

// checkBounds checks that bounds come in pairs and enclose the costs.
func (r CostReply) checkBounds() error {
	if len(r.Least) != len(r.Most) {
		return Faultf(Malformed, "%d components have a lower bound, %d an upper bound", len(r.Least), len(r.Most))
	}
	for _, least := range r.Least {
		most, found := component(r.Most, least.Component)
		if !found {
			return Faultf(Malformed, "component %s has only a lower bound", least.Component)
		}
		for what, items := range map[string][]CostItem{"by formula": r.Analytic, "counted": r.Counted} {
			it, found := component(items, least.Component)
			if len(items) > 0 && (!found || it.FLOPs < least.FLOPs || it.FLOPs > most.FLOPs || it.Bytes < least.Bytes || it.Bytes > most.Bytes) {
				return Faultf(Contradiction, "component %s costs %d FLOPs and %d bytes %s, outside its bounds %d to %d and %d to %d",
					least.Component, it.FLOPs, it.Bytes, what, least.FLOPs, most.FLOPs, least.Bytes, most.Bytes)
			}
		}
	}
	return nil
}

// component finds a component's item.
func component(items []CostItem, name string) (CostItem, bool) {
	i := slices.IndexFunc(items, func(it CostItem) bool { return it.Component == name })
	if i < 0 {
		return CostItem{}, false
	}
	return items[i], true
}

// CheckState checks the length of a state, in tokens, against least and most, and its bytes against the host's memory
// (0: unknown).
func CheckState(length, bytes int64, least, most int, memory int64) error {
	if memory <= 0 {
		memory = addressSpace
	}
	return cmp.Or(
		checkRange("the length of a state in tokens", length, int64(least), int64(most)),
		checkRange("the size of a state in bytes", bytes, 0, memory),
	)
}

// Check returns an error for ceilings that cannot be true.
func (r Roofline) Check() error {
	if err := cmp.Or(checkCount("ceilings", len(r.Ceilings)), checkRange("the number of threads", int64(r.Threads), 0, 1<<20)); err != nil {
		return err
	}
	for _, c := range r.Ceilings {
		if err := cmp.Or(checkName("ceiling name", c.Name), checkLength("unit", c.Unit, longestName), checkLength("kernels", c.Kernels, longestName),
			checkLength("operation", string(c.Operation), longestName), checkCount("precisions of a ceiling", len(c.Precisions)), checkRange("the footprint of a ceiling", c.Footprint, 0, addressSpace)); err != nil {
			return err
		}
		if !(c.Value > 0) || math.IsInf(c.Value, 0) {
			return Faultf(NonFinite, "ceiling %s is %v %s", c.Name, c.Value, c.Unit)
		}
	}
	return nil
}
