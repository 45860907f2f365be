<TMPL_INCLUDE NAME="header.tpl">
<main class="narrow">
  <h1 trspan="authPortal"></h1>
  <TMPL_INCLUDE NAME="message.tpl">
  <form action="/totp2fcheck" method="post" class="card">
    <input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">">
    <input type="hidden" name="checkLogins" value="<TMPL_VAR NAME="CHECKLOGINS">">
    <input type="hidden" name="stayconnected" value="<TMPL_VAR NAME="STAYCONNECTED">">
    <div class="field">
      <label for="extcode" trspan="enterTotpCode"></label>
      <input id="extcode" name="code" type="text" class="form-control" required inputmode="numeric" autocomplete="one-time-code">
    </div>
    <button type="submit" class="btn btn-primary" trspan="connect"></button>
  </form>
  <p><a href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="cancel"></a></p>
</main>
<TMPL_INCLUDE NAME="footer.tpl">
