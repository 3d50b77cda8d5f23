package operator

import (
	_ "github.com/google/go-cmp/cmp"
	_ "k8s.io/api/apps/v1"
	_ "k8s.io/apimachinery/pkg/apis/meta/v1"
	_ "sigs.k8s.io/controller-runtime/pkg/scheme"
)
