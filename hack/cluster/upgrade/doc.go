// Package upgrade installs the chart's archive of an earlier version with the images of its time, and upgrades it to the
// present ones while feedback flows; and it uninstalls, with pipelines that run. Its tests have the build tag e2e and are
// run by `make e2e-upgrade`. They read E2E_IMAGES, registry and tag of the present images (registry.local/feedback:dev), and
// E2E_OLDER_IMAGES, those of the archive (registry.local/feedback:0.1.0), which ./images builds.
package upgrade
