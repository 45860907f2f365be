<form action="#" method="post">
  <TMPL_VAR NAME="HIDDEN_INPUTS">
  <TMPL_IF NAME="CHOICE_VALUE"><input type="hidden" id="authKey" name="<TMPL_VAR NAME="CHOICE_PARAM">" value="<TMPL_VAR NAME="CHOICE_VALUE">"></TMPL_IF>
  <TMPL_IF NAME="AUTH_URL"><input type="hidden" name="url" value="<TMPL_VAR NAME="AUTH_URL">"></TMPL_IF>
  <TMPL_IF NAME="TOKEN"><input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">"></TMPL_IF>
  <TMPL_IF NAME="LOGIN"><input type="hidden" name="user" value="<TMPL_VAR NAME="LOGIN" ESCAPE=HTML>" autocomplete="username"></TMPL_IF>
  <div class="field">
    <label for="oldpassword" trspan="currentPwd"></label>
    <input id="oldpassword" name="oldpassword" type="password" class="form-control" required autocomplete="current-password">
  </div>
  <div class="field">
    <label for="newpassword" trspan="newPassword"></label>
    <input id="newpassword" name="newpassword" type="password" class="form-control" required autocomplete="new-password">
  </div>
  <div class="field">
    <label for="confirmpassword" trspan="confirmPwd"></label>
    <input id="confirmpassword" name="confirmpassword" type="password" class="form-control" required autocomplete="new-password">
  </div>
  <button type="submit" class="btn btn-primary" trspan="changePwd"></button>
</form>
