//go:build bench

package main

import (
	"log"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// init writes a CPU profile of the process's whole life to the file that BENCH_PROFILE names, for make bench
// PROFILE=folder. Only programs with the tag bench have it.
func init() {
	file := os.Getenv("BENCH_PROFILE")
	if file == "" {
		return
	}
	f, err := os.Create(file)
	if err != nil {
		log.Fatal(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		pprof.StopCPUProfile()
		_ = f.Close()
	}()
}
