package lm

import (
	"fmt"
	"math"
	"slices"
)

// The bounds of what a plugin says about itself.
const (
	longestName    = 256     // bytes of a name
	longestConfig  = 1 << 20 // bytes of a config or schema
	mostItems      = 1 << 12 // variants, precisions, classes, components, ends
	addressSpace   = 1 << 47 // bytes that a process can name
	bytesPerNumber = 16      // of the widest weight
	padding        = 64 << 20
)

// Check says what no plugin can be.
func (d Description) Check() error {
	errs := []error{
		few("abilities", len(d.Abilities)),
		named("name", d.Name), short("version", d.Version, longestName), short("language", d.Language, longestName),
		short("kernels", d.Kernels, longestName), short("summary", d.Summary, longestConfig), short("config schema", d.ConfigSchema, longestConfig),
		few("variants", len(d.Variants)), few("precisions", len(d.Precisions)),
	}
	for _, v := range d.Variants {
		errs = append(errs, named("name of a variant", v.Name), short("summary of variant", v.Summary, longestConfig), short("config of variant", v.Config, longestConfig))
	}
	for _, p := range d.Precisions {
		errs = append(errs, named("precision", p))
	}
	for _, a := range d.Abilities { // one that is not known here is of a newer contract, and nothing of it is asked for
		errs = append(errs, named("ability", string(a)))
	}
	errs = append(errs, few("devices", len(d.Devices)))
	for _, device := range d.Devices {
		errs = append(errs, named("name of a device", device.Name), short("summary of device", device.Summary, longestConfig),
			within("the memory of device "+device.Name, device.Memory, 0, addressSpace))
	}
	return firstOf(errs...)
}

// checkAbilities checks that the model is able to do no more than its plugin.
func (m ModelInfo) checkAbilities(d Description) error {
	for _, a := range m.Abilities {
		if !d.Has(a) {
			return Faultf(Contradiction, "the model has the ability %.40q, its plugin %q", string(a), d.Abilities)
		}
	}
	return nil
}

func named(what, s string) error {
	if s == "" {
		return Faultf(Malformed, "the plugin gives no %s", what)
	}
	return short(what, s, longestName)
}

func short(what, s string, most int) error {
	if len(s) > most {
		return Faultf(Malformed, "the %s that the plugin gives has %d bytes, at most %d make sense", what, len(s), most)
	}
	return nil
}

func few(what string, n int) error {
	if n > mostItems {
		return Faultf(Malformed, "the plugin lists %d %s, at most %d make sense", n, what, mostItems)
	}
	return nil
}

// within checks a number against its range.
func within(what string, n, least, most int64) error {
	if n < least || n > most {
		return Faultf(Malformed, "%s is %d, which is not between %d and %d", what, n, least, most)
	}
	return nil
}

// Check says what no loaded model of a plugin can be. Its weights take between a bit and 16 bytes for each parameter, beside
// 64 MiB for tables and padding; a model that says nothing about its memory is held against the address space.
func (m ModelInfo) Check(d Description) error {
	errs := []error{
		m.checkAbilities(d),
		within("the vocabulary", int64(m.Vocab), 1, math.MaxInt32), within("the start token", int64(m.BOS), -1, int64(m.Vocab)-1),
		within("the context limit", int64(m.ContextLimit), 0, math.MaxInt64), within("the number of threads", int64(m.Threads), 0, 1<<20),
		within("the number of parameters", m.Parameters, 0, 8*addressSpace),
		few("ends", len(m.EOS)), few("abilities of a model", len(m.Abilities)), short("config", m.Config, longestConfig), m.checkDevice(d),
	}
	for _, id := range m.EOS {
		errs = append(errs, within("a token that ends a document", int64(id), 0, int64(m.Vocab)-1))
	}
	for _, s := range []string{m.Architecture, m.Mode, m.StateKind, m.Precision, m.HeadPrecision, m.Kernels} {
		errs = append(errs, short("name", s, longestName))
	}
	total, err := sumOf("the weights", m.Bytes, addressSpace)
	errs = append(errs, err)
	if err == nil && len(m.Bytes) > 0 && (total < m.Parameters/8 || total/bytesPerNumber > m.Parameters+padding/bytesPerNumber) {
		errs = append(errs, Faultf(Malformed, "%d parameters in %d bytes: less than a bit or more than %d bytes each", m.Parameters, total, bytesPerNumber))
	}
	return firstOf(errs...)
}

// checkDevice checks that the model is where its plugin can put it.
func (m ModelInfo) checkDevice(d Description) error {
	if m.Device.Name == "" || slices.Contains(d.Devices, m.Device) {
		return nil
	}
	return Faultf(Malformed, "the model is on a device %.40q that the plugin does not have", m.Device.Name)
}

// sumOf adds up memory by class, of which there are most bytes.
func sumOf(what string, classes []ByteClass, most int64) (total int64, err error) {
	if err := few("classes of memory", len(classes)); err != nil {
		return 0, err
	}
	for _, c := range classes {
		if err := firstOf(short("class of memory", c.Class, longestName), within(fmt.Sprintf("%s %q in bytes", what, c.Class), c.Bytes, 0, most-total)); err != nil {
			return 0, err
		}
		total += c.Bytes
	}
	return total, nil
}

// Check says what cannot be the memory of a process on a host with most bytes, 0: unknown, and of its model's device.
func (m Memory) Check(most int64, device Device) error {
	return firstOf(checkMemory("the memory", m.Live, most, device), checkMemory("the peak", m.Peak, most, device))
}

// checkMemory holds the classes in the host's memory and those in the device's each against what there is.
func checkMemory(what string, classes []ByteClass, most int64, device Device) error {
	var host, own []ByteClass
	for _, c := range classes {
		switch {
		case c.Device == "":
			host = append(host, c)
		case c.Device == device.Name && device.Memory > 0:
			own = append(own, c)
		default:
			return Faultf(Malformed, "%s %.40q is said to be in the own memory of %.40q, which is not the model's device or has none",
				what, c.Class, c.Device)
		}
	}
	if most <= 0 {
		most = addressSpace
	}
	_, inHost := sumOf(what, host, most)
	_, inDevice := sumOf(what, own, device.Memory)
	return firstOf(inHost, inDevice)
}

// Check says what cannot be a cost: what is negative, or too large to add up.
func (r CostReply) Check() error {
	errs := []error{within("the state by formula in bytes", r.StateBytes, -1, math.MaxInt64)}
	for _, items := range [][]CostItem{r.Analytic, r.Counted, r.Reference, r.Least, r.Most} {
		errs = append(errs, few("components", len(items)))
		var flops, bytes int64
		for _, it := range items {
			if err := firstOf(short("component", it.Component, longestName), within("FLOPs of "+it.Component, it.FLOPs, 0, math.MaxInt64-flops),
				within("bytes of "+it.Component, it.Bytes, 0, math.MaxInt64-bytes)); err != nil {
				return err
			}
			flops, bytes = flops+it.FLOPs, bytes+it.Bytes
		}
	}
	return firstOf(append(errs, r.checkBounds())...)
}

// checkBounds checks that bounds come in pairs, and that what they bound lies between.
func (r CostReply) checkBounds() error {
	if len(r.Least) != len(r.Most) {
		return Faultf(Malformed, "bounds of %d components from below, of %d from above", len(r.Least), len(r.Most))
	}
	for _, least := range r.Least {
		most, found := component(r.Most, least.Component)
		if !found {
			return Faultf(Malformed, "component %s has a bound from below alone", least.Component)
		}
		for what, items := range map[string][]CostItem{"by formula": r.Analytic, "counted": r.Counted} {
			it, found := component(items, least.Component)
			if len(items) > 0 && (!found || it.FLOPs < least.FLOPs || it.FLOPs > most.FLOPs || it.Bytes < least.Bytes || it.Bytes > most.Bytes) {
				return Faultf(Contradiction, "component %s costs %d FLOPs and %d bytes %s, by its bounds %d to %d and %d to %d",
					least.Component, it.FLOPs, it.Bytes, what, least.FLOPs, most.FLOPs, least.Bytes, most.Bytes)
			}
		}
	}
	return nil
}

// component finds the item of a component.
func component(items []CostItem, name string) (CostItem, bool) {
	i := slices.IndexFunc(items, func(it CostItem) bool { return it.Component == name })
	if i < 0 {
		return CostItem{}, false
	}
	return items[i], true
}

// CheckState says what cannot be a state that has seen from least to most tokens, on a host with so much memory; 0:
// unknown.
func CheckState(length, bytes int64, least, most int, memory int64) error {
	if memory <= 0 {
		memory = addressSpace
	}
	return firstOf(
		within("the length of a state in tokens", length, int64(least), int64(most)),
		within("the size of a state in bytes", bytes, 0, memory),
	)
}

// Check says what cannot be a ceiling.
func (r Roofline) Check() error {
	if err := firstOf(few("ceilings", len(r.Ceilings)), within("the number of threads", int64(r.Threads), 0, 1<<20)); err != nil {
		return err
	}
	for _, c := range r.Ceilings {
		if err := firstOf(named("name of a ceiling", c.Name), short("unit", c.Unit, longestName), short("kernels", c.Kernels, longestName),
			short("operation", string(c.Operation), longestName), few("precisions of a ceiling", len(c.Precisions)), within("the footprint of a ceiling", c.Footprint, 0, addressSpace)); err != nil {
			return err
		}
		if !(c.Value > 0) || math.IsInf(c.Value, 0) {
			return Faultf(NonFinite, "ceiling %s is %v %s", c.Name, c.Value, c.Unit)
		}
	}
	return nil
}
