//go:build e2e

package keda

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/proc"
)

// TestScalerProcesses runs the story without a node: etcd, API server and controller manager (E2E_KUBE is the folder of
// their programs), KEDA (E2E_KEDA_BIN has operator and adapter), the operator and the programs (E2E_BIN) are processes of
// this machine. All of them are real; the test plays the kubelet alone, with a process for each pod.
func TestScalerProcesses(t *testing.T) {
	m := newMachine(t)
	m.controlPlane()
	k := startKafka(t, "", m.Namespace+"."+pipeline)
	m.program("operator", m.bin, []string{"KUBECONFIG=" + m.kubeconfig}, "-metrics-address=0", "-probe-address=0", "-leader-elect=false", "-image-registry=machine/")
	at := m.port()
	m.simulator = "http://" + at + "/api/"
	m.program("simulator", m.bin, []string{"LISTEN_ADDRESS=" + at, "RATE=0"})
	go m.kubelet(t.Context())
	m.story(k, m.installKEDA, func() { m.Step("SKIPPED: KEDA stops; that is tested on a node") })
}

// machine is a cluster of processes.
type machine struct {
	*cluster
	bin, kedaBin, kube, folder string
	kubeconfig                 string
	environment                *envtest.Environment
	front                      *authority
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{bin: os.Getenv("E2E_BIN"), kedaBin: os.Getenv("E2E_KEDA_BIN"), kube: os.Getenv("E2E_KUBE"), folder: t.TempDir()}
	if m.bin == "" || m.kedaBin == "" || m.kube == "" {
		t.Skip("SKIPPED: E2E_KUBE, E2E_KEDA_BIN and E2E_BIN name no folders of programs")
	}
	m.cluster = &cluster{Cluster: &clustertest.Cluster{T: t}}
	return m
}

func (m *machine) port() string {
	m.Helper()
	free, err := ports.Free(m.Context(), 1)
	clustertest.Must(m.T, err)
	return ports.Address(free[0])
}

// program starts a program that runs until the test's end; its last lines are shown if the test fails.
func (m *machine) program(name, folder string, env []string, args ...string) *proc.Process {
	m.Helper()
	path := filepath.Join(m.folder, fmt.Sprintf("%s-%d.log", name, time.Now().UnixNano()))
	log, err := os.Create(path)
	clustertest.Must(m.T, err)
	cmd := exec.Command(filepath.Join(folder, name), args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := proc.Start(cmd)
	clustertest.Must(m.T, err)
	m.Cleanup(func() {
		_ = p.Stop(context.Background(), 5*time.Second)
		if text, _ := os.ReadFile(path); m.Failed() {
			m.Logf("%s:\n%s", name, text[max(0, len(text)-3000):])
		}
	})
	return p
}

// controlPlane starts etcd, an API server that aggregates, and the controllers that scaling takes.
func (m *machine) controlPlane() {
	m.Helper()
	m.front = newAuthority(m.T)
	m.front.sign(m.folder, "front-proxy", "front-proxy")
	in := func(name string) string { return filepath.Join(m.folder, name) }
	m.environment = &envtest.Environment{
		BinaryAssetsDirectory: m.kube, ControlPlaneStartTimeout: 3 * time.Minute, ControlPlaneStopTimeout: time.Minute,
		CRDDirectoryPaths: []string{filepath.Join(clustertest.Root(), "operator", "config", "crd")}, ErrorIfCRDPathMissing: true,
	}
	m.environment.ControlPlane.GetAPIServer().Configure().
		Set("requestheader-client-ca-file", in("ca.crt")).Set("requestheader-allowed-names", "front-proxy").
		Set("requestheader-username-headers", "X-Remote-User").Set("requestheader-group-headers", "X-Remote-Group").
		Set("requestheader-extra-headers-prefix", "X-Remote-Extra-").
		Set("proxy-client-cert-file", in("front-proxy.crt")).Set("proxy-client-key-file", in("front-proxy.key"))
	config, err := m.environment.Start()
	clustertest.Must(m.T, err)
	m.Cleanup(func() { _ = m.environment.Stop() })
	admin, err := m.environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	clustertest.Must(m.T, err)
	text, err := admin.KubeConfig()
	clustertest.Must(m.T, err)
	m.kubeconfig = in("kubeconfig")
	clustertest.Must(m.T, os.WriteFile(m.kubeconfig, text, 0o600))
	m.program("kube-controller-manager", m.kube, nil, "--kubeconfig="+m.kubeconfig, "--authentication-kubeconfig="+m.kubeconfig,
		"--authorization-kubeconfig="+m.kubeconfig, "--leader-elect=false", "--secure-port=0", "--controllers=deployment-controller,"+
			"replicaset-controller,horizontal-pod-autoscaler-controller,garbage-collector-controller,namespace-controller")
	m.cluster = open(m.T, config)
}

// installKEDA starts KEDA's two programs, and serves its metrics by the API server.
func (m *machine) installKEDA() {
	m.Helper()
	m.apply(kedaDefinitions)
	m.apply([]string{"general/namespace.yaml"})
	certificates := filepath.Join(m.folder, "keda")
	clustertest.Must(m.T, os.Mkdir(certificates, 0o700))
	ca := newAuthority(m.T)
	ca.sign(certificates, "tls", "keda-operator.keda.svc", "keda-metrics-apiserver.keda.svc")
	env := []string{"KUBECONFIG=" + m.kubeconfig, "POD_NAMESPACE=" + kedaNamespace, "WATCH_NAMESPACE=", "KEDA_CLUSTER_OBJECT_NAMESPACE=" + kedaNamespace}
	service, metrics := m.port(), m.port()
	m.program("operator", m.kedaBin, env, "--cert-dir="+certificates, "--metrics-bind-address="+m.port(), "--health-probe-bind-address="+m.port(),
		"--metrics-service-bind-address="+service, "--zap-log-level=info")
	port := metrics[strings.LastIndex(metrics, ":")+1:]
	second := m.port()
	m.program("adapter", m.kedaBin, env, "--secure-port="+port, "--bind-address=127.0.0.1", "--cert-dir="+certificates,
		"--tls-cert-file="+filepath.Join(certificates, "tls.crt"), "--tls-private-key-file="+filepath.Join(certificates, "tls.key"),
		"--client-ca-file="+filepath.Join(certificates, "ca.crt"), "--port="+second[strings.LastIndex(second, ":")+1:],
		"--metrics-service-address="+service, "--metrics-service-grpc-authority=keda-operator.keda.svc",
		"--lister-kubeconfig="+m.kubeconfig, "--authentication-kubeconfig="+m.kubeconfig, "--authorization-kubeconfig="+m.kubeconfig)
	m.serve(ca, port)
}

// serve has the API server ask KEDA's metrics server at a port of this machine.
func (m *machine) serve(ca *authority, port string) {
	m.Helper()
	number, err := strconv.Atoi(port)
	clustertest.Must(m.T, err)
	clustertest.Must(m.T, m.Create(m.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: kedaNamespace, Name: "keda-metrics-apiserver"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: []corev1.ServicePort{{Port: int32(number)}}},
	}))
	s := m.object("apiregistration.k8s.io/v1", "APIService", "", apiService)
	s.Object["spec"] = map[string]any{
		"group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
		"caBundle": base64.StdEncoding.EncodeToString(ca.pem),
		"service":  map[string]any{"namespace": kedaNamespace, "name": "keda-metrics-apiserver", "port": int64(number)},
	}
	clustertest.Must(m.T, m.Create(m.Context(), s))
	m.Until("the API server serves KEDA's metrics", 3*time.Minute, func(ctx context.Context) (string, bool) {
		if err := m.Get(ctx, client.ObjectKeyFromObject(s), s); err != nil {
			return err.Error(), false
		}
		is, why := condition(s, "Available")
		return why, is == "True"
	})
}

// pod is a process in the place of a pod's container.
type pod struct {
	*proc.Process
	ready string
	log   string
}

// kubelet plays it: for each pod there is a process, and it is ready when its probe says so. A scorer gets a twentieth of
// a processor's time.
func (m *machine) kubelet(ctx context.Context) {
	running := map[types.UID]*pod{}
	defer func() {
		for _, p := range running {
			_ = p.Signal(syscall.SIGCONT)
			_ = p.Kill()
		}
	}()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var all corev1.PodList
		if err := m.List(ctx, &all, client.InNamespace(m.Namespace)); err != nil {
			continue
		}
		there := map[types.UID]bool{}
		for _, p := range all.Items {
			there[p.UID] = p.DeletionTimestamp == nil
			if running[p.UID] == nil && there[p.UID] {
				started, err := m.start(ctx, p)
				if err != nil {
					m.Logf("pod %s: %v", p.Name, err)
					continue
				}
				running[p.UID] = started
				if strings.Contains(p.Name, scorer) {
					go throttle(started)
				}
			}
			m.report(ctx, &p, running[p.UID])
		}
		for uid, p := range running {
			if !there[uid] {
				delete(running, uid)
				go func() { _ = p.Stop(context.WithoutCancel(ctx), 30*time.Second) }()
			}
		}
	}
}

// throttle lets p run for 50 ms of each second.
func throttle(p *pod) {
	for {
		for _, phase := range []struct {
			signal syscall.Signal
			length time.Duration
		}{{syscall.SIGSTOP, 950 * time.Millisecond}, {syscall.SIGCONT, 50 * time.Millisecond}} {
			_ = p.Signal(phase.signal)
			select {
			case <-p.Done():
				return
			case <-time.After(phase.length):
			}
		}
	}
}

// start runs a pod's program with its variables, and addresses of this machine.
func (m *machine) start(ctx context.Context, p corev1.Pod) (*pod, error) {
	c := p.Spec.Containers[0]
	started := &pod{log: filepath.Join(m.folder, p.Name+".log")}
	env := []string{"PATH=" + os.Getenv("PATH"), "INSTANCE=" + p.Name}
	for _, v := range c.Env {
		value, err := m.value(ctx, v)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(v.Name, "LISTEN_ADDRESS") {
			free, err := ports.Free(ctx, 1)
			if err != nil {
				return nil, err
			}
			value = ports.Address(free[0])
			if v.Name == "LISTEN_ADDRESS" {
				started.ready = "http://" + value + "/readyz"
			}
		}
		env = append(env, v.Name+"="+value)
	}
	log, err := os.Create(started.log)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(m.bin, filepath.Base(c.Command[0])))
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	started.Process, err = proc.Start(cmd)
	return started, err
}

func (m *machine) value(ctx context.Context, v corev1.EnvVar) (string, error) {
	if v.ValueFrom == nil {
		return v.Value, nil
	}
	ref := v.ValueFrom.SecretKeyRef
	secret := &corev1.Secret{}
	err := m.Get(ctx, m.Key(ref.Name), secret)
	return string(secret.Data[ref.Key]), err
}

// report puts into a pod's status what its process is.
func (m *machine) report(ctx context.Context, p *corev1.Pod, process *pod) {
	if process == nil {
		return
	}
	is := corev1.ConditionFalse
	ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	if req, err := http.NewRequestWithContext(ctx, http.MethodGet, process.ready, nil); err == nil {
		if answer, err := http.DefaultClient.Do(req); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				is = corev1.ConditionTrue
			}
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == is {
			return
		}
	}
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: is}, {Type: corev1.ContainersReady, Status: is}}
	_ = m.Status().Update(context.WithoutCancel(ctx), p)
}

// authority is a CA of its own.
type authority struct {
	*testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	clustertest.Must(t, err)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	clustertest.Must(t, err)
	return &authority{T: t, cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// sign writes ca.crt and a certificate for both ends of a connection, with its key, into a folder.
func (a *authority) sign(folder, name string, hosts ...string) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	clustertest.Must(a.T, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	clustertest.Must(a.T, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	clustertest.Must(a.T, err)
	for file, block := range map[string][]byte{
		"ca.crt": a.pem, name + ".crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		name + ".key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		clustertest.Must(a.T, os.WriteFile(filepath.Join(folder, file), block, 0o600))
	}
}
