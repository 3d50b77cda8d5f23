// Command operator runs FeedbackPipelines on the cluster that it runs in, or that KUBECONFIG names. `operator uninstall`
// takes leave of them, for the chart's pre-delete hook.
package main

import (
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/uninstall"
)

func main() {
	run, args := manager.Run, os.Args[1:]
	if len(args) > 0 && args[0] == "uninstall" {
		run, args = uninstall.Run, args[1:]
	}
	if err := run(ctrl.SetupSignalHandler(), args, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}
