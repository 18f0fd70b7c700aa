/** The certificate library with what it needs to load. Everything else imports it from here. */
import './reflect.ts';
export {
  BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension, Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension, X509Certificate, X509CertificateGenerator,
} from '@peculiar/x509';
export type { Extension, JsonGeneralName } from '@peculiar/x509';
