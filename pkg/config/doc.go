// Package config makes one typed struct per process out of flags, over the
// environment (RIFFLE_STORE for --store; secrets also from the file that
// RIFFLE_STORE_FILE names), over a YAML file given with --config whose keys are
// the flags' names.
//
// All mistakes are reported at once, each with the setting, where its value
// came from and the way out. Values that hold secrets print masked wherever
// they are printed. Defaults and checks stand beside the structs.
package config
